/* Plain subscripts, of which nearly all are made: whole numbers, empty ones, ranges of these, `..`.

   A framework takes a few microseconds for `x[1, , 2:3]`. To look at the subscripts in R takes longer
   than that. Here a string is made of them, which stands for a Python function that selects by them:
   "1,_,2:3,". A number that is not literal is a `v` in it, and goes to the function with the tensor.
   What is not plain is left to R/subset.R, which knows all of them. */

#include <stdio.h>
#include <string.h>

#include <R.h>
#include <Rinternals.h>

enum { KEY = 128 };

/* In call.c. */
SEXP call_with(SEXP f, SEXP args);

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
static int write_range(SEXP expr, char *key, int with_step) {
  SEXP first = CADR(expr);
  char end[16];
  if (with_step && is_call_of(first, ":", 2) ? !write_range(first, key, 0) : !write_end(first, key))
    return 0;
  if (!write_end(CADDR(expr), end)) return 0;
  strcat(strcat(key, ":"), end);
  return 1;
}

static int is_ellipsis(SEXP expr) {
  return (TYPEOF(expr) == SYMSXP && strcmp(CHAR(PRINTNAME(expr)), "..") == 0) ||
    is_call_of(expr, "all_dims", 0);
}

/* The value of the subscript at `place` in `...` of `env`. */
static SEXP value_of(int place, SEXP env) {
  SEXP call = PROTECT(Rf_lang2(Rf_install("...elt"), Rf_ScalarInteger(place)));
  SEXP value = Rf_eval(call, env);
  UNPROTECT(1);
  return value;
}

/* Writes what stands for subscripts that are all plain, and appends the numbers that are not literal
   to `last`; returns 0 where one is not plain. */
static int write_key(SEXP exprs, SEXP env, char *key, SEXP last) {
  char one[64];
  int number, place = 1;
  key[0] = '\0';
  for (SEXP left = exprs; left != R_NilValue; left = CDR(left), place++) {
    SEXP expr = CAR(left);
    if (expr == R_MissingArg) strcpy(one, "_");
    else if (expr == R_NilValue) strcpy(one, "n");
    else if (is_ellipsis(expr)) strcpy(one, ".");
    else if (is_literal(expr, &number)) snprintf(one, sizeof one, "%d", number);
    else if (is_call_of(expr, ":", 2)) {
      if (!write_range(expr, one, 1)) return 0;
    } else {
      SEXP value = value_of(place, env);
      if (value == R_NilValue) strcpy(one, "n");
      else if (is_whole(value, &number)) {
        strcpy(one, "v");
        SETCDR(last, Rf_list1(Rf_ScalarInteger(number)));
        last = CDR(last);
      } else return 0;
    }
    if (strlen(key) + strlen(one) + 2 > KEY) return 0;
    strcat(strcat(key, one), ",");
  }
  return 1;
}

/* .External2(subscripts_plain, x, exprs, selectors, make): what `exprs`, alist(...) as it is written in
   the method's frame, select from `x`; NULL where one is not plain. What selects is in `selectors`,
   or is made by `make` of the string. */
SEXP subscripts_plain(SEXP call, SEXP op, SEXP given, SEXP frame) {
  SEXP x = CADR(given), exprs = CDR(CADDR(given));
  given = CDDDR(given);
  SEXP selectors = CAR(given), make = CADR(given);
  char key[KEY];
  if (exprs == R_NilValue) return R_NilValue;
  SEXP args = PROTECT(Rf_list1(x));
  SEXP result = R_NilValue;
  if (write_key(exprs, frame, key, args)) {
    SEXP selector = Rf_install(key);
    if (!R_existsVarInFrame(selectors, selector)) {
      SEXP making = PROTECT(Rf_lang2(make, PROTECT(Rf_mkString(key))));
      Rf_eval(making, R_GlobalEnv);
      UNPROTECT(2);
    }
    result = call_with(Rf_eval(selector, selectors), args);
  }
  UNPROTECT(1);
  return result;
}

/* What `x@r` and `x@py` give: the tensor, waiting for its subscripts, in a class of `classes`, a list
   whose names are those of the slots. `refuse` is called with any other name. */
SEXP subscripts_await(SEXP x, SEXP name, SEXP classes, SEXP refuse) {
  SEXP slots = Rf_getAttrib(classes, R_NamesSymbol);
  for (R_xlen_t i = 0; TYPEOF(name) == STRSXP && i < XLENGTH(slots); i++) {
    if (STRING_ELT(name, 0) != STRING_ELT(slots, i)) continue;
    SEXP waiting = PROTECT(Rf_allocVector(VECSXP, 1));
    SET_VECTOR_ELT(waiting, 0, x);
    Rf_setAttrib(waiting, R_ClassSymbol, VECTOR_ELT(classes, i));
    UNPROTECT(1);
    return waiting;
  }
  SEXP refusing = PROTECT(Rf_lang2(refuse, name));
  Rf_eval(refusing, R_GlobalEnv);
  UNPROTECT(1);
  return R_NilValue;
}
