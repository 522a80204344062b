# Run in a process of its own: R and Python call each other to a random depth, and a random exit
# leads to a random level. Gives what was wrong, which should be nothing.

library(kerasbridge)

main <- py_run_string("
done = []

def through(level, f):
    try:
        return f()
    finally:
        done.append(f'Python {level}')

def swallowing(level, f):
    try:
        return f()
    except Exception:
        return 'swallowed'
    finally:
        done.append(f'Python {level}')

def yielding(level, f):
    def one():
        try:
            yield f()
        finally:
            done.append(f'Python {level}')
    return next(one())

def note(text):
    done.append(text)

def taken():
    taken = list(done)
    done.clear()
    return taken
")
frames <- list(main$through, main$swallowing, main$yielding)

# Ways to be at a level: `inner` is the rest of the nesting, which gets the exit that leads here.
levels <- list(
  message = \(inner) tryCatch(inner(\() message("m")), message = \(m) "caught"),
  warning = \(inner) tryCatch(inner(\() warning("w")), warning = \(w) "caught"),
  callCC = \(inner) callCC(\(k) inner(\() k("caught"))),
  restart = \(inner) withRestarts(inner(\() invokeRestart("away", "caught")), away = identity),
  return = \(inner) {
    here <- environment()
    inner(\() rlang::return_from(here, "caught"))
  }
)

nesting <- function(depth, target, way, frame) {
  descend <- function(level, leave) {
    on.exit(main$note(paste("R", level)))
    go <- function(leave) {
      if (level == depth) {
        leave()
      } else {
        frames[[frame[[level]]]](level, \() descend(level + 1L, leave))
      }
    }
    if (level == target) levels[[way]](go) else go(leave)
  }
  descend(1L, NULL)
}

expected <- function(depth) {
  passed <- rbind(paste("R", seq_len(depth)), paste("Python", seq_len(depth) - 1L))
  setdiff(rev(as.vector(passed[2:1, ])), "Python 0")
}

set.seed(seed)
wrong <- list()
for (i in seq_len(times)) {
  depth <- sample(6L, 1L)
  target <- sample(depth, 1L)
  way <- sample(names(levels), 1L)
  frame <- sample(3L, depth, replace = TRUE)
  cat(i, depth, target, way, frame, "\n", file = reached)
  value <- nesting(depth, target, way, frame)
  done <- unlist(main$taken())
  if (!identical(value, "caught") || !identical(done, expected(depth))) {
    wrong[[length(wrong) + 1L]] <- list(depth, target, way, frame, value, done)
  }
}
wrong
