# Spelling of help pages, vignettes, README and NEWS. Words that are names in Keras are known, and so
# are those of inst/WORDLIST.
found <- spelling::spell_check_package(".")
signatures <- jsonlite::read_json("inst/python/kerasbridge/signatures.json")
keras <- unlist(lapply(signatures, \(entry) strsplit(entry$python, ".", fixed = TRUE)))
found <- found[!tolower(found$word) %in% tolower(keras), ]
if (nrow(found)) {
  print(found)
  quit(status = 1L)
}
