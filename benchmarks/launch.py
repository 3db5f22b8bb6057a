"""Launch: runs one command and writes what it used, as JSON, to the file named first.

A process of its own, because a program that is started keeps the memory peak of the program that started it.
"""

import json
import os
import subprocess
import sys
import time

start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)
processor = usage.ru_utime + usage.ru_stime
with open(sys.argv[1], "w") as file:
    json.dump([wall, processor, usage.ru_maxrss / 1024], file)
sys.exit(process.returncode)
