# The figures of all benchmarks, backends side by side: the README's table. Given the README, it
# is written there.

source(file.path("bench", "measure.R"))

files <- list.files(Sys.getenv("KERASBRIDGE_BENCH_OUT"), "[.]csv$", full.names = TRUE)
figures <- do.call(rbind, lapply(files, utils::read.csv))

backends <- intersect(c("jax", "tensorflow", "torch"), figures$backend)
order <- c(
  "fit", "predict", "memory", "custom", "convert", "images", "blas", "overhead", "wrappers",
  "construct", "callback", "crossing", "data", "scale", "start"
)
# The worst wrappers differ between backends; only their medians are comparable.
figures <- figures[figures$bench != "wrappers" | startsWith(figures$case, "median of"), ]
figures <- figures[order(match(figures$bench, order)), ]
cases <- unique(figures[c("bench", "case")])
keys <- paste(cases$bench, cases$case)

# A figure beyond its target is bold.
shown <- function(backend) {
  own <- figures[figures$backend == backend, ]
  own <- own[match(keys, paste(own$bench, own$case)), ]
  format <- ifelse(own$met %in% "NO", "**%.2f**", "%.2f")
  ifelse(is.na(own$ratio), "", sprintf(format, own$ratio))
}

first_known <- function(target) c(target[!is.na(target)], NA)[[1L]]
targets <- tapply(figures$target, paste(figures$bench, figures$case), first_known)[keys]
target <- ifelse(is.na(targets), "", paste("\u2264", targets))
columns <- c(list(cases$bench, cases$case), lapply(backends, shown), list(target))
table <- c(
  paste0("| ", paste(c("bench", "what", backends, "target"), collapse = " | "), " |"),
  strrep("|---", length(backends) + 3L) |> paste0("|"),
  paste0("| ", do.call(paste, c(columns, sep = " | ")), " |")
)
writeLines(table)

readme <- commandArgs(TRUE)
if (length(readme)) {
  lines <- readLines(readme, encoding = "UTF-8")
  ends <- match(c("<!-- bench:begin -->", "<!-- bench:end -->"), lines)
  lines <- c(lines[seq_len(ends[[1L]])], table, lines[ends[[2L]]:length(lines)])
  writeLines(enc2utf8(lines), readme, useBytes = TRUE)
}
