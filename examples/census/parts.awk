# Adds up the portraits of all files by the first folder in which they differ, as a table.
BEGIN { FS = "\t" }

$1 == "file" {
    path[++files] = $2
    lines[files] = $3; code[files] = $4; docs[files] = $6; functions[files] = $8
    shared = files == 1 ? folder_of($2) : common(shared, $2)
}

$1 == "fn" { longest[$2] = $4 > longest[$2] + 0 ? $4 : longest[$2] }

END {
    for (i = 1; i <= files; i++) {
        part = substr(path[i], length(shared) + 1)
        sub(/\/.*$/, "", part)
        if (!(part in files_in)) order[++parts] = part
        count(part, i)
        count("all", i)
    }
    sort_by_code()
    printf "%-12s %6s %7s %7s %6s %10s %8s\n", "PART", "FILES", "LINES", "CODE", "DOCS", "FUNCTIONS", "LONGEST"
    for (i = 1; i <= parts; i++) row(order[i])
    row("all")
}

function folder_of(path) { sub(/[^\/]*$/, "", path); return path }

# Shortens a folder until it begins the path.
function common(folder, path) {
    while (index(path, folder) != 1) folder = folder_of(substr(folder, 1, length(folder) - 1))
    return folder
}

function count(part, i) {
    files_in[part]++
    lines_in[part] += lines[i]; code_in[part] += code[i]; docs_in[part] += docs[i]; functions_in[part] += functions[i]
    if (longest[path[i]] > longest_in[part] + 0) longest_in[part] = longest[path[i]]
}

function sort_by_code(    i, j, moved) {
    for (i = 2; i <= parts; i++) {
        moved = order[i]
        for (j = i - 1; j >= 1 && code_in[order[j]] < code_in[moved]; j--) order[j + 1] = order[j]
        order[j + 1] = moved
    }
}

# The share of documentation is that in all lines that say something.
function row(part,    said) {
    said = code_in[part] + docs_in[part]
    printf "%-12s %6d %7d %7d %5d%% %10d %8d\n", part, files_in[part], lines_in[part], code_in[part],
        said ? 100 * docs_in[part] / said + 0.5 : 0, functions_in[part], longest_in[part]
}
