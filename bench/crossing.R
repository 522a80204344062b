# What the door adds when Python calls an R function, in microseconds over reticulate's own way; and
# what a call from another thread takes. These are times, not ratios: the targets are.

source(file.path("bench", "measure.R"))
library(kerasbridge)

# Short runs, the best of many: what else the machine does takes longer than one of them.
times <- bench_size(full = 100L, small = 50L)
runs <- bench_size(full = 500L, small = 3L)

python <- reticulate::py_run_string("
import statistics
import threading
import time
import rpycall
import rpytools.call
from kerasbridge.crossing.callables import r_function

def once(call, function, times):
    start = time.perf_counter()
    for _ in range(times):
        call(function, 1)
    return (time.perf_counter() - start) / times * 1e6

# In turns, so that what else the machine does meets both.
def over(f, times, runs):
    function = r_function(f)
    ours, bare = rpytools.call.call_r_function, rpycall.call_r_function
    pairs = [(once(ours, function, times), once(bare, function, times)) for _ in range(runs)]
    return min(a for a, _ in pairs) - min(b for _, b in pairs)

def hop(f, times):
    seconds = []
    def work():
        for _ in range(times):
            start = time.perf_counter()
            f(1)
            seconds.append(time.perf_counter() - start)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return statistics.median(seconds) * 1e6
")

nothing <- \(x) NULL
report("crossing", data.frame(
  case = c("a crossing, over reticulate's, in \u00b5s", "a hop between threads, in \u00b5s"),
  ratio = c(
    python$over(reticulate::r_to_py(nothing, convert = TRUE), times, runs),
    python$hop(nothing, as.integer(times * 10L))
  ),
  target = c(3, 200)
))
