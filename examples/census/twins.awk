# Finds functions of one Rust source that are nearly the same, as tab-separated records:
#     PATH  LIKENESS  LINE  NAME  LINE  NAME
# Likeness is twice the longest common subsequence of their tokens, divided by the tokens of both, in percent.
# Every function meets every other, which makes this step worth caching; two cheap bounds spare most pairs the costly part.
BEGIN { OFS = "\t"; shortest = 40; least = 70 }

{ sub(/\r$/, "") }

!inside && /^[ \t]*(pub(\([a-z: ]+\))? +)?((const|async|unsafe|default) +|extern +("[^"]*" +)?)*fn +[A-Za-z_].*[^;}]$/ {
    inside = 1
    functions++
    name = $0
    sub(/^.*[ \t]?fn +/, "", name)
    sub(/[^A-Za-z0-9_].*$/, "", name)
    indent = $0
    sub(/[^ \t].*$/, "", indent)
    name_of[functions] = name; line_of[functions] = FNR; length_of[functions] = 0
    next
}

inside && /^[ \t]*\/\// { next }

inside { take($0) }

inside && ($0 == indent "}" || ($0 ~ /;[ \t]*$/ && index($0, indent ")") == 1)) { inside = 0 }

END {
    for (a = 1; a < functions; a++) {
        for (b = a + 1; b <= functions; b++) {
            alike = may_be_twins(a, b) ? likeness(a, b) : 0
            if (alike >= least) print FILENAME, int(alike), line_of[a], name_of[a], line_of[b], name_of[b]
        }
    }
}

# Adds the tokens of a line to the function that is read: words, and every other character by itself.
function take(line,    word) {
    while (line != "") {
        if (match(line, /^[ \t]+/)) { line = substr(line, RLENGTH + 1); continue }
        word = match(line, /^[A-Za-z0-9_]+/) ? substr(line, 1, RLENGTH) : substr(line, 1, 1)
        line = substr(line, length(word) + 1)
        token[functions, ++length_of[functions]] = word
        if (!((functions, word) in bag)) words_of[functions] = words_of[functions] word "\n"
        bag[functions, word]++
    }
}

# The common tokens in any order are at least as many as those in the same order.
function may_be_twins(a, b,    both, common, i, n, words, here, there) {
    if (length_of[a] < shortest || length_of[b] < shortest) return 0
    both = length_of[a] + length_of[b]
    common = length_of[a] < length_of[b] ? length_of[a] : length_of[b]
    if (200 * common < least * both) return 0
    common = 0
    n = split(words_of[a], words, "\n") - 1
    for (i = 1; i <= n; i++) {
        if (!((b, words[i]) in bag)) continue
        here = bag[a, words[i]]; there = bag[b, words[i]]
        common += here < there ? here : there
    }
    return 200 * common >= least * both
}

function likeness(a, b,    i, j, above, diagonal, row) {
    for (j = 0; j <= length_of[b]; j++) row[j] = 0
    for (i = 1; i <= length_of[a]; i++) {
        diagonal = 0
        for (j = 1; j <= length_of[b]; j++) {
            above = row[j]
            if (token[a, i] == token[b, j]) row[j] = diagonal + 1
            else if (row[j - 1] > above) row[j] = row[j - 1]
            diagonal = above
        }
    }
    return 200 * row[length_of[b]] / (length_of[a] + length_of[b])
}
