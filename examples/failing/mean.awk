# The mean of a station's second column, below a header.
NR == 1 { next }

$2 !~ /^-?[0-9]+(\.[0-9]+)?$/ {
    print "line " NR ": `" $2 "` is no temperature" | "cat >&2"
    broken = 1
    exit 1
}

{ sum += $2; n++ }

END { if (!broken) printf "%s %.1f\n", station, sum / n }
