# Says where a word stands, with the files that have most of it first, and which names have the word in them.
BEGIN { FS = "\t" }

$1 == word { files++; lines += split($3, at, " "); file[files] = $2; where[files] = $3 }

index(tolower($1), tolower(word)) && $1 != word { if (!(($1) in seen)) names++; seen[$1]++ }

END {
    if (!files) printf "%s stands nowhere", word
    else printf "%s stands in %d lines of %d files", word, lines, files
    printf "; %d longer names have it in them.\n", names
    for (shown = 1; shown <= 10 && (best = most()); shown++) {
        n = split(where[best], at, " ")
        printf "%5d  %s:%s\n", n, file[best], first(at, n)
        delete where[best]
    }
    if (files > 10) printf "       and %d more files\n", files - 10
}

function most(    i, n, best, best_n) {
    for (i = 1; i <= files; i++) {
        if (!(i in where)) continue
        n = split(where[i], at, " ")
        if (n > best_n) { best = i; best_n = n }
    }
    return best
}

function first(at, n,    text, i) {
    for (i = 1; i <= n && i <= 6; i++) text = text (i > 1 ? "," : "") at[i]
    return text (n > 6 ? ",…" : "")
}
