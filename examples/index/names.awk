# Lists the names in one file as tab-separated records: NAME  PATH  LINE LINE LINE
# A name has three letters or more; comments count, since they name things too.
{
    rest = $0
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
        name = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        if (length(name) < 3 || last[name] == FNR) continue
        last[name] = FNR
        lines[name] = lines[name] " " FNR
    }
}

END { for (name in lines) print name "\t" FILENAME "\t" substr(lines[name], 2) | "sort" }
