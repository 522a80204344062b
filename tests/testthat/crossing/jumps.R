# Run in a process of its own: what is kept of jumps, before they go on and after.

library(kerasbridge)

main <- py_run_string("
def through(f):
    return f()

def both(f, g):
    try:
        f()
    finally:
        g()

def swallowed(f):
    try:
        f()
    except BaseException:
        pass
    return 'went on'
")
jumps <- kerasbridge:::the
kept <- \() length(jumps$jumps)
values <- list()

# The frame of a function that was left, and the data in it, are nobody's any more.
collected <- 0L
left <- function(through) {
  callCC(function(k) {
    data <- new.env()
    reg.finalizer(data, \(x) collected <<- collected + 1L)
    through(function() {
      data
      k("left")
    })
  })
}
ways <- list(
  once = main$through,
  twice = \(f) main$through(\() main$through(f)),
  `over another` = \(f) main$both(f, f)
)
for (way in names(ways)) {
  cat(way, "\n", file = reached)
  collected <- 0L
  value <- left(ways[[way]])
  gc()
  reticulate::import("gc")$collect()
  gc()
  values[[way]] <- list(value = value, collected = collected, kept = kept())
}

cat("many\n", file = reached)
exits <- function(n) {
  for (i in seq_len(n)) callCC(\(k) main$through(\() k(i)))
  gc()
  reticulate::import("gc")$collect()
  sum(gc()[, "used"] * c(56, 8))
}
exits(500)
before <- exits(500)
values$growth <- exits(1500) - before
values$kept <- kept()

# TensorFlow's C++ keeps the text of the exception alone, whatever is collected meanwhile.
if (config_backend() == "tensorflow") {
  cat("py_function\n", file = reached)
  values$py_function <- replicate(5, callCC(\(k) {
    main$both(\() tf$py_function(\() k("left"), list(), tf$float32), \() gc())
  }))
}

cat("swallowed\n", file = reached)
values$swallowed <- callCC(\(k) {
  went <- main$swallowed(\() k("left"))
  c(went, callCC(\(k) main$through(\() k("left later"))))
})
values$`after swallowed` <- kept()
values
