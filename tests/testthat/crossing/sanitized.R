# Run with a build of the door that the sanitizers watch, without Python: values, errors, jumps that
# stop and go on, nested ones among them.

dll <- dyn.load("kerasbridge.so")
routine <- function(name) getNativeSymbolInfo(name, dll)
enter <- routine("door_enter")
go_on <- routine("door_continue")

# As reticulate does: an error ends at the border, and a jump is handed on to where R goes on.
called <- function(f, ...) {
  withRestarts(
    withCallingHandlers(
      .External2(enter, leave, f, ...),
      error = \(e) invokeRestart("border", e)
    ),
    border = \(e) e
  )
}
leave <- function(jump, interrupt) invokeRestart("border", structure(list(jump), class = "jump"))
entered <- function(f, ...) {
  value <- called(f, ...)
  if (inherits(value, "jump")) .Call(go_on, value[[1L]])
  value
}

stopifnot(identical(entered(\(x, y) x + y, 1, y = 2), 3))
stopifnot(identical(conditionMessage(entered(\() stop("an error"))), "an error"))
for (i in 1:200) {
  value <- tryCatch(entered(\() entered(\() message("out"))), message = conditionMessage)
  stopifnot(identical(value, "out\n"))
  stopifnot(identical(callCC(\(k) entered(\() entered(\() entered(\() k(i))))), i))
  ended <- 0
  leaves <- \() {
    on.exit(ended <<- ended + 1)
    invokeRestart("away", i)
  }
  stopifnot(identical(withRestarts(entered(leaves), away = identity), i), ended == 1)
  if (i %% 20 == 0) gc()
}
jump <- tryCatch(called(\() message("kept")), message = identity)
# A jump goes on once only.
once <- callCC(\(k) {
  kept <- called(\() k("left"))[[1L]]
  tryCatch(withRestarts(.Call(go_on, kept), away = identity), error = identity)
})
stopifnot(identical(once, "left"))
cat("all of them\n")
