# Reads go test -v: prints the line that closes each package, and everything
# that a failed package said. Lines outside a package (make, the compiler) pass.
/^(=== |--- |    |\t|PASS$|goos:|goarch:|pkg:|cpu:|-test\.shuffle)/ { held = held $0 "\n"; next }
/^(ok  |\?   )\t/ { print; held = ""; fflush(); next }
/^FAIL\t/ { printf "%s", held; print; held = ""; fflush(); next }
held != "" { held = held $0 "\n"; next }
{ print; fflush() }
END { printf "%s", held }
