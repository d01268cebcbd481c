"""Python's own tests, as `python3 -m test -v` runs them, with a line for each method that says how it ended.

    methods.py MODULE ...

Lines are `result|ok|test.test_mmap.MmapTests.test_basic|`, with error, fail, skip, xfail or xsuccess for ok, and
the reason of a skip behind it. Whoever takes longer than the limit ends the run with what all threads do.
"""
import faulthandler
import os

from test.libregrtest import main
from test.support.testresult import RegressionTestResult as Result

LIMIT = 900  # seconds for a method
FORMS = {'addSuccess': 'ok', 'addError': 'error', 'addFailure': 'fail', 'addSkip': 'skip', 'addExpectedFailure': 'xfail',
         'addUnexpectedSuccess': 'xsuccess', 'addSubTest': 'fail'}

# Tests change what 1 is, and children have it too.
OUTPUT = os.dup(1)
PROCESS = os.getpid()


def say(word, test, reason=''):
    if os.getpid() == PROCESS:
        name = (test.test_case if hasattr(test, 'test_case') else test).id()
        os.write(OUTPUT, f'\nresult|{word}|{name}|{reason}\n'.encode())


def telling(form, word):
    inherited = getattr(Result, form)

    def method(self, test, *rest):
        if form == 'addSubTest':
            if rest[1] is not None:
                say(word, test)
        else:
            say(word, test, rest[0] if word == 'skip' else '')
        return inherited(self, test, *rest)
    return method


def limited(self, test, inherited=Result.startTest):
    if os.getpid() == PROCESS:
        faulthandler.dump_traceback_later(LIMIT, exit=True, file=OUTPUT)
    return inherited(self, test)


def unlimited(self, test, inherited=Result.stopTest):
    faulthandler.cancel_dump_traceback_later()
    return inherited(self, test)


for form, word in FORMS.items():
    setattr(Result, form, telling(form, word))
Result.startTest = limited
Result.stopTest = unlimited
if __name__ == '__main__':
    main()
