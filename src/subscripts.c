/* Plain subscripts, of which nearly all are made: whole numbers, empty ones, ranges of these, `..`.

   A framework takes a few microseconds for `x[1, , 2:3]`. To look at the subscripts in R takes longer
   than that. What is not plain is left to R/subset.R, which knows all of them. */

#include <stdio.h>
#include <string.h>

#include <R.h>
#include <Rinternals.h>

enum { KEY = 128 };

/* Is `value` a single whole number, and no object of a class or with dimensions? */
static int is_whole(SEXP value, int *number) {
  if (TYPEOF(value) != INTSXP && TYPEOF(value) != REALSXP) return 0;
  if (Rf_isObject(value) || XLENGTH(value) != 1) return 0;
  if (Rf_getAttrib(value, R_DimSymbol) != R_NilValue) return 0;
  if (TYPEOF(value) == INTSXP) {
    *number = INTEGER(value)[0];
    return *number != NA_INTEGER;
  }
  double real = REAL(value)[0];
  if (!(real > -1e9 && real < 1e9)) return 0;
  *number = (int) real;
  return *number == real;
}

static int is_call_of(SEXP expr, const char *name, int arguments) {
  return TYPEOF(expr) == LANGSXP && TYPEOF(CAR(expr)) == SYMSXP &&
    strcmp(CHAR(PRINTNAME(CAR(expr))), name) == 0 && Rf_length(expr) == arguments + 1;
}

/* Is `expr` a whole number as it is written, perhaps with a minus? */
static int is_literal(SEXP expr, int *number) {
  if (TYPEOF(expr) != LANGSXP) return is_whole(expr, number);
  if (!is_call_of(expr, "-", 1) || !is_literal(CADR(expr), number)) return 0;
  *number = -*number;
  return 1;
}

/* Writes the end of a range, nothing for an open one; returns 0 for what is no literal. */
static int write_end(SEXP expr, char *key) {
  int number;
  key[0] = '\0';
  if (expr == R_NilValue) return 1;
  if (TYPEOF(expr) == LGLSXP && XLENGTH(expr) == 1) return LOGICAL(expr)[0] == NA_LOGICAL;
  if (!is_literal(expr, &number)) return 0;
  snprintf(key, 16, "%d", number);
  return 1;
}

/* Writes `a:b` or `a:b:step`, which is `(a:b):step`. */
static int write_range(SEXP expr, char *key) {
  SEXP first = CADR(expr);
  char end[16];
  if (is_call_of(first, ":", 2) ? !write_range(first, key) : !write_end(first, key)) return 0;
  if (!write_end(CADDR(expr), end)) return 0;
  strcat(strcat(key, ":"), end);
  return strlen(key) < 48;
}

static int is_ellipsis(SEXP expr) {
  return (TYPEOF(expr) == SYMSXP && strcmp(CHAR(PRINTNAME(expr)), "..") == 0) ||
    is_call_of(expr, "all_dims", 0);
}

/* A string that stands for subscripts that are all literal, or NULL. */
static SEXP as_key(SEXP exprs) {
  char key[KEY] = "", one[64];
  int number;
  for (SEXP left = exprs; left != R_NilValue; left = CDR(left)) {
    SEXP expr = CAR(left);
    if (expr == R_MissingArg) strcpy(one, "_");
    else if (is_ellipsis(expr)) strcpy(one, ".");
    else if (is_literal(expr, &number)) snprintf(one, sizeof one, "%d", number);
    else if (!is_call_of(expr, ":", 2) || !write_range(expr, one)) return R_NilValue;
    if (strlen(key) + strlen(one) + 2 > sizeof key) return R_NilValue;
    strcat(strcat(key, one), ",");
  }
  return Rf_mkString(key);
}

/* A list of numbers and marks, for subscripts of which some have to be evaluated, or NULL where one
   of them is a range, or turns out to be no number. */
static SEXP as_parts(SEXP exprs, SEXP env) {
  int number, place = 0;
  SEXP parts = PROTECT(Rf_allocVector(VECSXP, Rf_length(exprs)));
  for (SEXP left = exprs; left != R_NilValue; left = CDR(left), place++) {
    SEXP expr = CAR(left), part;
    if (expr == R_MissingArg) part = Rf_mkString("_");
    else if (is_ellipsis(expr)) part = Rf_mkString(".");
    else if (is_literal(expr, &number)) part = Rf_ScalarInteger(number);
    else {
      part = R_NilValue;
      if (!is_call_of(expr, ":", 2)) {
        SEXP call = PROTECT(Rf_lang2(Rf_install("...elt"), Rf_ScalarInteger(place + 1)));
        SEXP value = PROTECT(Rf_eval(call, env));
        if (value == R_NilValue) part = Rf_mkString("n");
        else if (is_whole(value, &number)) part = Rf_ScalarInteger(number);
        UNPROTECT(2);
      }
      if (part == R_NilValue) {
        UNPROTECT(1);
        return R_NilValue;
      }
    }
    SET_VECTOR_ELT(parts, place, part);
  }
  UNPROTECT(1);
  return parts;
}

/* `exprs` is alist(...) as it is written, in the frame `env` of the method. */
SEXP subscripts_plain(SEXP exprs, SEXP env) {
  exprs = CDR(exprs);
  if (exprs == R_NilValue) return R_NilValue;
  SEXP key = as_key(exprs);
  return key == R_NilValue ? as_parts(exprs, env) : key;
}
