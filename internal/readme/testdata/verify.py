# Judges requests with the page's example: one in a line, all but the clock in base64.
import base64
import sys

from receiver import verify

for line in sys.stdin:
    now, *words = line.rstrip("\n").split(" ")
    raw = [base64.b64decode(word) for word in words]
    # A byte is a character, as WSGI has headers.
    id, timestamp, signatures, _, *secrets = [text.decode("latin-1") for text in raw]
    try:
        answer = verify(secrets, id, timestamp, signatures, raw[3], int(now))
        print({True: "true", False: "false"}[answer])
    except Exception as e:
        print(repr(e), file=sys.stderr)
        print("error")
