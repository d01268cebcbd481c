# Words counted, sorted and written: objects of many sizes, most of which live short.
import re

words = {}
for i in range(3000):
    words.setdefault(str(i * 7919 % 1009), []).append(i)
lines = ["%s: %s" % (w, ", ".join(map(str, n))) for w, n in sorted(words.items())]
print(len(lines), len(re.findall(r"\d+", "\n".join(lines))))
