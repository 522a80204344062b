# Spelling of help pages, vignettes, articles, README and NEWS. Names in Keras are known, and the
# words that inst/WORDLIST has.
known <- c("kerasbridge", spelling::get_wordlist("."))
articles <- list.files("vignettes/articles", full.names = TRUE)
found <- rbind(
  spelling::spell_check_package("."),
  spelling::spell_check_files(articles, ignore = known, lang = "en-US")
)
signatures <- jsonlite::read_json("inst/python/kerasbridge/signatures.json")
keras <- unlist(lapply(signatures, \(entry) strsplit(entry$python, ".", fixed = TRUE)))
found <- found[!tolower(found$word) %in% tolower(keras), ]
if (nrow(found)) {
  print(found)
  quit(status = 1L)
}
