# Every wrapper is called for real, with real arguments, on the backend of this process.

test_calls(\(entry) is.null(entry$needs))
