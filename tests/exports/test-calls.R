# Wrappers of what only this environment has.

test_calls(\(entry) !is.null(entry$needs))
