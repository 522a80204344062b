# The figures of all benchmarks, backends side by side: the README's table. Given the README, it
# is written there.

source(file.path("bench", "measure.R"))

files <- list.files(Sys.getenv("KERASBRIDGE_BENCH_OUT"), "[.]csv$", full.names = TRUE)
figures <- do.call(rbind, lapply(files, utils::read.csv))

backends <- intersect(c("jax", "tensorflow", "torch"), figures$backend)
order <- c(
  "fit", "predict", "memory", "custom", "convert", "images", "blas", "overhead", "wrappers",
  "construct", "callback", "start"
)
# The worst wrappers differ between backends; only their medians are comparable.
figures <- figures[figures$bench != "wrappers" | startsWith(figures$case, "median of"), ]
figures <- figures[order(match(figures$bench, order)), ]
cases <- unique(figures[c("bench", "case", "target")])

shown <- function(backend) {
  ratio <- figures$ratio[figures$backend == backend][match(
    paste(cases$bench, cases$case),
    paste(figures$bench, figures$case)[figures$backend == backend]
  )]
  missed <- !is.na(ratio) & !is.na(cases$target) & ratio > cases$target
  ifelse(is.na(ratio), "", sprintf(ifelse(missed, "**%.2f**", "%.2f"), ratio))
}

target <- ifelse(is.na(cases$target), "", paste("\u2264", cases$target))
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
