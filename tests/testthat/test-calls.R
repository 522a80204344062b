# Every wrapper is called for real, with real arguments, on the backend of this process.

for (file in calls_files()) {
  table <- read_calls(file)
  setup <- table$setup
  table$setup <- NULL
  env <- new.env(parent = environment())
  prepared <- FALSE
  for (name in names(table)) {
    test_that(paste0(name, "() gives what it must"), {
      skip_if(config_backend() == "numpy", "The table is for the backends that train.")
      only <- table[[name]]$backends %||% config_backend()
      skip_if_not(config_backend() %in% only, "One backend is enough here.")
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
