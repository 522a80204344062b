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

class Held:
    def __init__(self, level):
        self.level = level

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        done.append(f'Python {self.level}')

def held(level, f):
    with Held(level):
        return f()

def jumping(level, f):
    try:
        return f()
    finally:
        done.append(f'Python {level}')
        jump()

def call(f):
    f()

def set_jump(f):
    global jump
    jump = f

def note(text):
    done.append(text)

def taken():
    taken = list(done)
    done.clear()
    return taken
")
frames <- list(main$through, main$swallowing, main$yielding, main$held, main$jumping)
# One more jump, in a `finally` while another may be on its way, and caught there.
main$set_jump(\() tryCatch(main$call(\() message("on the way")), message = \(m) NULL))

# Ways to be at a level: `inner` is the rest of the nesting, which gets the exit that leads here.
levels <- list(
  message = \(inner) tryCatch(inner(\() message("m")), message = \(m) "caught"),
  warning = \(inner) tryCatch(inner(\() warning("w")), warning = \(w) "caught"),
  callCC = \(inner) callCC(\(k) inner(\() k("caught"))),
  restart = \(inner) withRestarts(inner(\() invokeRestart("away", "caught")), away = identity),
  return = \(inner) {
    here <- environment()
    inner(\() rlang::return_from(here, "caught"))
  },
  condition = \(inner) tryCatch(inner(\() rlang::signal("s", "mine")), mine = \(s) "caught"),
  try_fetch = \(inner) rlang::try_fetch(inner(\() message("m")), message = \(m) "caught"),
  error = \(inner) tryCatch(inner(\() stop("e")), error = \(e) "caught"),
  interrupt = \(inner) tryCatch(inner(\() rlang::interrupt()), interrupt = \(i) "caught")
)

# Python code that catches errors between the exit and the level that it leads to.
swallows <- function(way, frame, from) way == "error" && 2L %in% frame[seq_along(frame) >= from]

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
  frame <- sample(length(frames), depth, replace = TRUE)
  cat(i, depth, target, way, frame, "\n", file = reached)
  value <- nesting(depth, target, way, frame)
  done <- unlist(main$taken())
  leads <- if (swallows(way, frame[seq_len(depth - 1L)], target)) "swallowed" else "caught"
  if (!identical(value, leads) || !identical(done, expected(depth))) {
    wrong[[length(wrong) + 1L]] <- list(depth, target, way, frame, value, done)
  }
}
wrong
