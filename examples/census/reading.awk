# Reads one Markdown page as a tab-separated record: PATH  WORDS  HEADINGS  LINKS  LINES-OF-CODE
BEGIN { OFS = "\t" }

{ sub(/\r$/, "") }

/^[ \t]*```/ { fenced = !fenced; next }

fenced { code++; next }

/^#+ / { headings++ }

{
    words += NF
    links += gsub(/\]\(/, "&")
}

END { print FILENAME, words + 0, headings + 0, links + 0, code + 0 }
