# Whether the addresses of tools/links.py, from standard input, can be opened: by R's own check,
# which is CRAN's. Hosts that cannot be reached are told; a failure is an answer that says no.
given <- utils::read.delim(file("stdin"), header = FALSE, col.names = c("URL", "Parent"))
host <- \(url) sub("^https?://([^/]+).*", "\\1", url)

reached <- vapply(unique(host(given$URL)), FUN.VALUE = NA, \(name) {
  answer <- try(curlGetHeaders(paste0("https://", name), timeout = 20L), silent = TRUE)
  !inherits(answer, "try-error")
})
unreached <- names(reached)[!reached]
if (length(unreached)) {
  asked <- table(host(given$URL))[unreached]
  cat("could not be reached:", sprintf("%s, of %d addresses", unreached, asked), sep = "\n  ")
}
given <- given[!host(given$URL) %in% unreached, ]
given$Parent <- as.list(given$Parent)
cat(nrow(given), "addresses at", sum(reached), "hosts are asked for\n")
if (nrow(given)) {
  wrong <- tools:::check_url_db(given, verbose = FALSE)
  print(wrong)
  if (nrow(wrong)) quit(status = 1L)
}
