# values.yaml -> the table of values in README.md: one row a value that has a comment above it.
# Fails when a value has none, neither itself nor a parent.
function indentation(line) { match(line, /^ */); return RLENGTH }

BEGIN { print "| value | means | default |"; print "|---|---|---|" }

/^ *#/ { line = $0; sub(/^ *# ?/, "", line); comment = comment == "" ? line : comment " " line; next }
/^ *$/ { comment = ""; next }

{
  level = indentation($0) / 2
  line = $0
  sub(/^ */, "", line)
  split_at = index(line, ":")
  key = substr(line, 1, split_at - 1)
  value = substr(line, split_at + 1)
  sub(/^ */, "", value)
  names[level] = key
  is_covered[level] = comment != "" || (level > 0 && is_covered[level - 1])
  path = names[0]
  for (i = 1; i <= level; i++) path = path "." names[i]
  if (comment != "") {
    gsub(/\|/, "\\|", comment)
    printf "| `%s` | %s | %s |\n", path, comment, value == "" ? "see `values.yaml`" : "`" value "`"
  } else if (value != "" && !is_covered[level]) {
    printf "value without a comment: %s\n", path > "/dev/stderr"
    is_failed = 1
  }
  comment = ""
}

END { exit is_failed }
