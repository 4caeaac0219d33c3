# Reads what go test -v printed, and leaves of each package that failed what its failing tests said, and whoever spoke last.
# Of a long text the beginning and the end are kept.

/^=== (RUN|NAME|CONT)/ { test = $3; next }
/^=== PAUSE/ { next }
/^ *--- (PASS|SKIP)/ { next }
/^ *--- FAIL/ { failed[++failures] = $3; print; next }
/^(ok|FAIL|\?)\t/ {
	if ($1 == "FAIL") {
		failed[++failures] = test
		for (i = 1; i <= failures; i++) show(failed[i])
		print
	}
	split("", said)
	split("", lines)
	split("", failed)
	failures = 0
	test = ""
	next
}
{ said[test, ++lines[test]] = $0 }

function show(name,    i) {
	if (lines[name] == 0) return
	print "== " name
	for (i = 1; i <= lines[name]; i++) {
		if (i == 61 && lines[name] > 160) {
			print "   [...]"
			i = lines[name] - 99
		}
		print substr(said[name, i], 1, 1000)
	}
	lines[name] = 0
}
