# Every wrapper is called for real, with real arguments, on the backend of this process.

# The table is for the backends that train; what is slow, for the one that its entry names.
backends_of_calls <- c("tensorflow", "jax", "torch")

for (file in calls_files()) {
  table <- read_calls(file)
  setup <- table$setup
  table$setup <- NULL
  env <- new.env(parent = environment())
  prepared <- FALSE
  for (name in names(table)) {
    if (!config_backend() %in% (table[[name]]$backends %||% backends_of_calls)) next
    test_that(paste0(name, "() gives what it must"), {
      if (!prepared) {
        reticulate::py_run_string("import numpy as np, scipy, keras\nfrom keras import ops")
        if (!is.null(setup$python)) reticulate::py_run_string(setup$python)
        if (!is.null(setup$r)) eval(parse(text = setup$r), env)
        prepared <<- TRUE
      }
      for (call in calls_of(table[[name]])) run_call(name, call, env)
    })
  }
}
