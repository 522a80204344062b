# Run in a process of its own: finalizers that leave, of objects that Python drops, and R. A row has
# the warnings that a handler saw, those that were printed, and what R went on with.

library(kerasbridge)

main <- py_run_string("
held = []

def keep(x):
    held.append(x)

def drop():
    del held[:]
")

exits <- list(
  error = \(k) stop("in the end"),
  message = \(k) message("out"),
  warning = \(k) warning("beware"),
  callCC = \(k) k("left"),
  abort = \(k) invokeRestart("abort"),
  interrupt = \(k) rlang::interrupt(),
  nothing = \(k) NULL
)
ways <- list(
  Python = \(object) main$keep(object),
  R = \(object) is.null(object)
)

run <- function(exit, way) {
  cat(exit, "/", way, "\n", file = reached)
  ended <- 0L
  k <- NULL
  Ending <- new_callback_class("Ending", finalize = function() {
    ended <<- ended + 1L
    exits[[exit]](k)
  })
  seen <- character()
  with_handlers <- function(expr) {
    withCallingHandlers(
      tryCatch(
        expr,
        message = \(m) "caught", error = \(e) conditionMessage(e), interrupt = \(i) "interrupted"
      ),
      warning = function(w) {
        seen <<- c(seen, conditionMessage(w))
        tryInvokeRestart("muffleWarning")
      }
    )
  }
  printed <- capture.output(type = "message", {
    value <- with_handlers(callCC(function(leave) {
      k <<- leave
      ways[[way]](Ending())
      gc()
      main$drop()
      for (i in 1:1000) NULL # where an interrupt is met
      "went on"
    }))
  })
  data.frame(
    exit = exit, way = way, value = value, ended = ended, seen = paste(seen, collapse = " "),
    printed = paste(printed, collapse = " ")
  )
}

options(warn = 1)
rows <- expand.grid(exit = names(exits), way = names(ways), stringsAsFactors = FALSE)
rows <- do.call(rbind, Map(run, rows$exit, rows$way))
rows$works <- sum(as.array(op_ones(3))) == 3
rows
