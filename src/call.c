/* The way from R into Python.

   reticulate's py_call() sorts its arguments by whether they have names, and hands them to a routine.
   The sorting takes 2 microseconds in R, as long as a framework takes for an operation. Here it is
   done in C. The routine is not part of what reticulate exports: without it, py_call() is called. */

#include <R.h>
#include <R_ext/Rdynload.h>
#include <Rinternals.h>
#include <Rversion.h>

typedef SEXP (*routine_t)(SEXP, SEXP, SEXP);

static routine_t routine = NULL;
static SEXP py_call = NULL, finishers = NULL, finish = NULL, told_timeout = NULL, tell_timeout = NULL;

static SEXP kept(SEXP object) {
  R_PreserveObject(object);
  return object;
}

/* `address`: the routine's, or NULL. `by_class`: an environment with the names of the classes whose
   objects do not stay what they are; `by_r` is called with one. `slow`: reticulate's py_call().
   `tell`: called with the option `kerasbridge.thread_timeout` when that has changed. */
SEXP call_prepare(SEXP address, SEXP slow, SEXP by_class, SEXP by_r, SEXP tell) {
  routine = address == R_NilValue ? NULL : (routine_t) R_ExternalPtrAddrFn(address);
  if (py_call) R_ReleaseObject(py_call);
  py_call = kept(slow);
  if (!finishers) {
    finishers = kept(by_class);
    finish = kept(by_r);
    tell_timeout = kept(tell);
  }
  return R_NilValue;
}

static SEXP call(SEXP f, SEXP args) {
  int named = 0, unnamed = 0;
  for (SEXP left = args; left != R_NilValue; left = CDR(left)) {
    if (TAG(left) == R_NilValue) unnamed++; else named++;
  }
  SEXP by_place = PROTECT(Rf_allocVector(VECSXP, unnamed));
  SEXP by_name = PROTECT(Rf_allocVector(VECSXP, named));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, named));
  named = unnamed = 0;
  for (SEXP left = args; left != R_NilValue; left = CDR(left)) {
    if (TAG(left) == R_NilValue) SET_VECTOR_ELT(by_place, unnamed++, CAR(left));
    else {
      SET_STRING_ELT(names, named, PRINTNAME(TAG(left)));
      SET_VECTOR_ELT(by_name, named++, CAR(left));
    }
  }
  if (named) Rf_setAttrib(by_name, R_NamesSymbol, names);
  SEXP result = routine(f, by_place, by_name);
  UNPROTECT(3);
  return result;
}

/* Another thread that waits for R cannot read an option: it is read here, where its value is another
   object than it was, which is seen in 0.1 microseconds. */
static void read_timeout(void) {
  static SEXP name = NULL;
  if (!name) name = Rf_install("kerasbridge.thread_timeout");
  SEXP value = Rf_GetOption1(name);
  if (value == told_timeout) return;
  SEXP telling = PROTECT(Rf_lang2(tell_timeout, value));
  Rf_eval(telling, R_GlobalEnv);
  UNPROTECT(1);
  if (told_timeout) R_ReleaseObject(told_timeout);
  told_timeout = kept(value);
}

static SEXP called(SEXP f, SEXP args) {
  if (tell_timeout) read_timeout();
  if (routine) return call(f, args);
  if (!py_call) Rf_error("Python is called before reticulate is loaded.");
  SEXP slow = PROTECT(Rf_lcons(py_call, Rf_cons(f, args)));
  SEXP result = Rf_eval(slow, R_GlobalEnv);
  UNPROTECT(1);
  return result;
}

/* f(...) in Python; plain values, and failures, are finished in R, as of the R function that calls C. */
SEXP call_with(SEXP f, SEXP args) {
  SEXP result = PROTECT(called(f, args));
  SEXP class = Rf_getAttrib(result, R_ClassSymbol);
  if (TYPEOF(class) == STRSXP && R_existsVarInFrame(finishers, Rf_installTrChar(STRING_ELT(class, 0)))) {
    /* By name: an exception of Python keeps the calls that led to it, which must not hold it. */
    SEXP frame = PROTECT(R_NewEnv(R_EmptyEnv, 0, 1)), name = Rf_install("result");
    SEXP finishing = PROTECT(Rf_lang2(finish, name));
    Rf_defineVar(name, result, frame);
    result = Rf_eval(finishing, frame);
    UNPROTECT(2);
  }
  UNPROTECT(1);
  return result;
}

/* .External(call_python, f, ...) */
SEXP call_python(SEXP args) { return call_with(CADR(args), CDDR(args)); }

/* What `...` of an R function's frame holds, one after the other. Before R 4.6 has functions for it, it
   is a list of promises. `names` is to be protected. */
#if R_VERSION >= R_Version(4, 6, 0)
typedef struct {
  SEXP frame, names;
  int at, length;
} dots_t;

static dots_t dots_of(SEXP frame) {
  int length = R_DotsExist(frame) ? R_DotsLength(frame) : 0;
  dots_t dots = {frame, length ? R_DotsNames(frame) : R_NilValue, 1, length};
  return dots;
}

static int dots_left(const dots_t *dots) { return dots->length - dots->at + 1; }

static int dot_is_empty(const dots_t *dots) {
  return R_GetDotType(dots->at, dots->frame) == R_DotTypeMissing;
}

static SEXP dot_value(const dots_t *dots) { return R_DotsElt(dots->at, dots->frame); }

static SEXP dot_tag(const dots_t *dots) {
  if (dots->names == R_NilValue || !LENGTH(STRING_ELT(dots->names, dots->at - 1))) return R_NilValue;
  return Rf_installTrChar(STRING_ELT(dots->names, dots->at - 1));
}

static void next_dot(dots_t *dots) { dots->at++; }
#else
typedef struct {
  SEXP frame, names, left;
} dots_t;

static dots_t dots_of(SEXP frame) {
  SEXP held = Rf_findVarInFrame(frame, R_DotsSymbol);
  dots_t dots = {frame, R_NilValue, TYPEOF(held) == DOTSXP ? held : R_NilValue};
  return dots;
}

static int dots_left(const dots_t *dots) { return Rf_length(dots->left); }

static int dot_is_empty(const dots_t *dots) { return CAR(dots->left) == R_MissingArg; }

static SEXP dot_value(const dots_t *dots) { return Rf_eval(CAR(dots->left), dots->frame); }

static SEXP dot_tag(const dots_t *dots) { return TAG(dots->left); }

static void next_dot(dots_t *dots) { dots->left = CDR(dots->left); }
#endif

/* `args`, and behind them what `...` holds in an R function's frame. A comma may trail: R itself
   refuses an empty argument where it evaluates `...`, so that is done here. */
static SEXP with_dots(SEXP args, SEXP frame) {
  SEXP last = args;
  while (CDR(last) != R_NilValue) last = CDR(last);
  dots_t dots = dots_of(frame);
  PROTECT(dots.names);
  for (; dots_left(&dots); next_dot(&dots)) {
    SEXP tag = dot_tag(&dots);
    if (dot_is_empty(&dots)) {
      if (dots_left(&dots) == 1 && tag == R_NilValue) break;
      Rf_errorcall(R_NilValue, "An argument is empty.");
    }
    SEXP value = PROTECT(dot_value(&dots));
    SETCDR(last, Rf_cons(value, R_NilValue));
    UNPROTECT(1);
    last = CDR(last);
    SET_TAG(last, tag);
  }
  UNPROTECT(1);
  return args;
}

/* .External2(call_with_dots, f, first): f(first, ...) */
SEXP call_with_dots(SEXP call, SEXP op, SEXP args, SEXP frame) {
  return call_python(with_dots(args, frame));
}

/* .External2(call_dots): list(...) */
SEXP call_dots(SEXP call, SEXP op, SEXP args, SEXP frame) {
  return Rf_PairToVectorList(CDR(with_dots(args, frame)));
}

/* .External2(call_kept, f): f(...), the result as an object of Python, whatever it is. */
SEXP call_kept(SEXP call, SEXP op, SEXP args, SEXP frame) {
  args = with_dots(args, frame);
  return called(CADR(args), CDDR(args));
}

static int is_plain_number(SEXP x) {
  if (Rf_isObject(x) || XLENGTH(x) != 1) return 0;
  if (Rf_getAttrib(x, R_DimSymbol) != R_NilValue) return 0;
  return TYPEOF(x) == REALSXP || INTEGER(x)[0] != NA_INTEGER;
}

/* Is there nothing for R to do before `x` crosses as a tensor or as data? */
static int crosses(SEXP x) {
  switch (TYPEOF(x)) {
  case NILSXP:
    return 1;
  case ENVSXP:
    return Rf_inherits(x, "python.builtin.object");
  case REALSXP:
  case INTSXP:
    return is_plain_number(x);
  case VECSXP:
    if (Rf_isObject(x) || Rf_getAttrib(x, R_DimSymbol) != R_NilValue) return 0;
    for (R_xlen_t i = 0; i < XLENGTH(x); i++) {
      if (!crosses(VECTOR_ELT(x, i))) return 0;
    }
    return 1;
  default:
    return 0;
  }
}

SEXP call_crosses(SEXP x) { return Rf_ScalarLogical(crosses(x)); }
