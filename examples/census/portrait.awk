# Portrays one Rust source as tab-separated records:
#     file  PATH  LINES  CODE  COMMENTS  DOCS  BLANK  FUNCTIONS
#     fn    PATH  LINE   LENGTH  NAME
# It reads lines, not syntax: a function begins where `fn` follows its indent and qualifiers, and ends at the first closing
# brace with the same indent, which holds for formatted code. Text inside raw strings is taken for code.
BEGIN { OFS = "\t" }

{ sub(/\r$/, "") }

/^[ \t]*$/ { blank++; next }

/^[ \t]*\/\/[\/!]/ { docs++; next }

/^[ \t]*\/\// { comments++; next }

{ code++ }

/^[ \t]*(pub(\([a-z: ]+\))? +)?((const|async|unsafe|default) +|extern +("[^"]*" +)?)*fn +[A-Za-z_]/ {
    functions++
    name = $0
    sub(/^.*[ \t]?fn +/, "", name)
    sub(/[^A-Za-z0-9_].*$/, "", name)
    indent = $0
    sub(/[^ \t].*$/, "", indent)
    # One line holds all of it, or there is no body at all.
    if ($0 ~ /[};][ \t]*$/) { print "fn", FILENAME, FNR, 1, name; next }
    open++
    open_name[open] = name; open_line[open] = FNR; open_indent[open] = indent
    next
}

# A signature over several lines of a function without a body ends in a semicolon at the function's own indent.
open && ($0 == open_indent[open] "}" || ($0 ~ /;[ \t]*$/ && index($0, open_indent[open] ")") == 1)) {
    print "fn", FILENAME, open_line[open], FNR - open_line[open] + 1, open_name[open]
    open--
}

END { print "file", FILENAME, NR, code + 0, comments + 0, docs + 0, blank + 0, functions + 0 }
