# Spelling of help pages, vignettes, README and NEWS. Names in Keras are known, and the words that
# inst/WORDLIST has.
found <- spelling::spell_check_package(".")
signatures <- jsonlite::read_json("inst/python/kerasbridge/signatures.json")
keras <- unlist(lapply(signatures, \(entry) strsplit(entry$python, ".", fixed = TRUE)))
found <- found[!tolower(found$word) %in% tolower(keras), ]
if (nrow(found)) {
  print(found)
  quit(status = 1L)
}
