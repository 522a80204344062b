/* The door through which Python enters R.

   R code that Python calls may leave at any moment: tryCatch() catches a message, callCC() returns,
   a restart of an outer function is invoked. R does so by a longjmp() to the context of that
   function, over all C frames between; were Python's among them, Python would be left with a
   broken stack. So R code is entered here, under R_UnwindProtect(), and a jump stops at this one
   frame, which is ours alone. From there it is carried by a Python exception to where R had entered
   Python, and R continues it there. */

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#ifndef _WIN32
#include <pthread.h>
#endif

#include <R.h>
#include <R_ext/Rdynload.h>
#include <Rinternals.h>

/* R code that is run for Python. */
typedef struct {
  SEXP call;
  SEXP frame;
  SEXP token;
  int fails;
  jmp_buf stop;
} entry_t;

static SEXP evaluate(void *data) {
  const entry_t *entry = data;
  return Rf_eval(entry->call, entry->frame);
}

/* An error that the code itself does not handle: reticulate's own handler comes next, and jumps to
   where it hands the error to Python, between this frame and Python's. */
static SEXP note_failure(SEXP condition, void *data) {
  (void) condition;
  ((entry_t *) data)->fails = 1;
  return R_NilValue;
}

static SEXP evaluate_noting_failure(void *data) {
  return R_withCallingErrorHandler(evaluate, data, note_failure, data);
}

/* reticulate hands an error to Python with a restart, whose one argument is the condition. Where its
   handler fails itself, for want of a stack after an infinite recursion, the jump is another one. */
static int is_handed_over(SEXP value) {
  return value && TYPEOF(value) == VECSXP && XLENGTH(value) == 1 &&
         Rf_inherits(VECTOR_ELT(value, 0), "condition");
}

/* R runs this when the code has ended, in whichever way. By then its contexts, its protected
   objects and its handlers are those that were in force before. */
static void at_end(void *data, Rboolean jump) {
  entry_t *entry = data;
  if (jump && !(entry->fails && is_handed_over(CAR(entry->token)))) longjmp(entry->stop, 1);
}

/* reticulate jumps as well when it hands an interrupt to Python: with one word. A jump to R's top
   level has no value at all. */
static int is_interrupt(SEXP value) {
  if (!value || TYPEOF(value) != VECSXP || XLENGTH(value) != 1) return 0;
  SEXP word = VECTOR_ELT(value, 0);
  return TYPEOF(word) == STRSXP && XLENGTH(word) == 1 &&
         strcmp(CHAR(STRING_ELT(word, 0)), "KeyboardInterrupt") == 0;
}

static int has_missing(SEXP logicals) {
  const int *elements = LOGICAL_RO(logicals);
  for (R_xlen_t i = 0, n = XLENGTH(logicals); i < n; i++) {
    if (elements[i] == NA_LOGICAL) return 1;
  }
  return 0;
}

/* A bare NA is a missing number more often than a logical, and reticulate makes it True. Missing
   integers stay what the shim knows and refuses. */
static SEXP without_missing(SEXP value) {
  if (TYPEOF(value) == LGLSXP && !Rf_isObject(value)) {
    return has_missing(value) ? Rf_coerceVector(value, REALSXP) : value;
  }
  if (TYPEOF(value) != VECSXP) return value;
  SEXP list = value;
  PROTECT_INDEX place;
  PROTECT_WITH_INDEX(list, &place);
  for (R_xlen_t i = 0, n = XLENGTH(value); i < n; i++) {
    SEXP part = PROTECT(without_missing(VECTOR_ELT(value, i)));
    if (part != VECTOR_ELT(value, i)) {
      if (list == value) REPROTECT(list = Rf_shallow_duplicate(value), place);
      SET_VECTOR_ELT(list, i, part);
    }
    UNPROTECT(1);
  }
  UNPROTECT(1);
  return list;
}

/* .External2(door_enter, leave, f, ...): the value of f(...), evaluated in the caller's frame. A
   jump ends in leave(jump, interrupt), which does not return. */
static SEXP door_enter(SEXP call, SEXP op, SEXP args, SEXP frame) {
  (void) call;
  (void) op;
  args = CDR(args);
  SEXP leave = CAR(args);
  args = CDR(args);
  entry_t entry = {.frame = frame, .fails = 0};
  entry.call = PROTECT(Rf_lcons(CAR(args), CDR(args)));
  SEXP token = entry.token = PROTECT(R_MakeUnwindCont());

  if (setjmp(entry.stop)) {
    /* R code must not touch the token itself, whose parts are R's secret. */
    SEXP jump = PROTECT(R_MakeExternalPtr(NULL, R_NilValue, token));
    SEXP interrupt = PROTECT(Rf_ScalarLogical(is_interrupt(CAR(token))));
    SEXP leaving = PROTECT(Rf_lang3(leave, jump, interrupt));
    Rf_eval(leaving, entry.frame);
    Rf_error("R code that Python called has left, and came back.");
  }
  SEXP value = PROTECT(R_UnwindProtect(evaluate_noting_failure, &entry, at_end, &entry, token));
  value = without_missing(value);
  UNPROTECT(3);
  return value;
}

/* Go on with a jump that was stopped, once. What it leads to must still be running. */
static SEXP door_continue(SEXP jump) {
  SEXP token = PROTECT(R_ExternalPtrProtected(jump));
  if (token == R_NilValue) Rf_error("This jump has gone on already.");
  R_SetExternalPtrProtected(jump, R_NilValue);
  R_ContinueUnwind(token);
  return R_NilValue;
}

/* A process that is forked has one thread only. Another one may hold Python's lock at that moment,
   and would keep it for ever in the copy: so R takes the lock before it forks, and Python renews
   what it holds in the copy. There it must look what it does: the handler may do little, and asks
   Python to call a function. Python's own forks do all this by themselves. */
typedef int (*pending_t)(void *);
static struct {
  int (*add_pending)(pending_t, void *);
  pending_t in_child;
  int (*has_lock)(void);
  int (*lock)(void);
  void (*unlock)(int);
  void (*prepare)(void);
  void (*go_on)(void);
  void (*renew)(void);
} python = {0};
static int locked = 0, lock_state = 0;

static void before_fork(void) {
  locked = !python.has_lock();
  if (!locked) return;
  lock_state = python.lock();
  python.prepare();
}

static void in_parent(void) {
  if (!locked) return;
  python.go_on();
  python.unlock(lock_state);
  locked = 0;
}

static void in_copy(void) {
  if (locked) python.renew();
  python.add_pending(python.in_child, locked ? (void *) &python : NULL);
  if (locked) python.unlock(lock_state);
  locked = 0;
}

/* `addresses`: of the members of `python`, in their order. */
static SEXP door_watch_forks(SEXP addresses) {
  int watched = python.add_pending != NULL;
  const double *at = REAL(addresses);
  python.in_child = (pending_t) (uintptr_t) at[1];
  python.has_lock = (int (*)(void)) (uintptr_t) at[2];
  python.lock = (int (*)(void)) (uintptr_t) at[3];
  python.unlock = (void (*)(int)) (uintptr_t) at[4];
  python.prepare = (void (*)(void)) (uintptr_t) at[5];
  python.go_on = (void (*)(void)) (uintptr_t) at[6];
  python.renew = (void (*)(void)) (uintptr_t) at[7];
  python.add_pending = (int (*)(pending_t, void *)) (uintptr_t) at[0];
#ifndef _WIN32
  if (!watched) pthread_atfork(before_fork, in_parent, in_copy);
#endif
  return R_NilValue;
}

/* In subscripts.c and call.c. */
SEXP subscripts_await(SEXP x, SEXP name, SEXP classes, SEXP refuse);
SEXP subscripts_plain(SEXP call, SEXP op, SEXP given, SEXP frame);
SEXP call_kept(SEXP call, SEXP op, SEXP args, SEXP frame);
SEXP call_prepare(SEXP address, SEXP slow, SEXP by_class, SEXP by_r, SEXP tell);
SEXP call_python(SEXP args);
SEXP call_dots(SEXP call, SEXP op, SEXP args, SEXP frame);
SEXP call_with_dots(SEXP call, SEXP op, SEXP args, SEXP frame);
SEXP call_crosses(SEXP x);

static const R_CallMethodDef calls[] = {
  {"call_crosses", (DL_FUNC) &call_crosses, 1},
  {"call_prepare", (DL_FUNC) &call_prepare, 5},
  {"door_continue", (DL_FUNC) &door_continue, 1},
  {"door_watch_forks", (DL_FUNC) &door_watch_forks, 1},
  {"subscripts_await", (DL_FUNC) &subscripts_await, 4},
  {NULL, NULL, 0}
};

static const R_ExternalMethodDef externals[] = {
  {"call_dots", (DL_FUNC) &call_dots, -1},
  {"call_kept", (DL_FUNC) &call_kept, -1},
  {"call_python", (DL_FUNC) &call_python, -1},
  {"call_with_dots", (DL_FUNC) &call_with_dots, -1},
  {"door_enter", (DL_FUNC) &door_enter, -1},
  {"subscripts_plain", (DL_FUNC) &subscripts_plain, -1},
  {NULL, NULL, 0}
};

void R_init_kerasbridge(DllInfo *dll) {
  R_registerRoutines(dll, NULL, calls, NULL, externals);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
}
