"""Sixty texts that something on the way might read as more than text."""

TEXTS = (
    *("", " ", "\n", "\t", "a b", "a\nb", "a\r\nb", "\x00", "a\x00b", "\x1b[31m", "\ufeff", "\u202e", "\u2028"),
    *("\ud800", "é", "ключ", "😀", "\u017f", "\u0130", "a" * 129, "a" * 5000),
    *("$(touch PWNED)", "`touch PWNED`", "; rm -rf /", "| cat", "&& true", "> x", "'", '"', "\\", "\\n", "'; x='"),
    *(
        "${x}",
        "${AWS::AccountId}",
        "$.x",
        "$$.Execution.Input",
        "States.Format('{}', $.x)",
        "x.$",
        "<aws.events.event>",
    ),
    *("{{workflow.name}}", "{{=1+1}}", "{{ .Input.body }}", "{{", "}}", "{% raw %}", "{{ 7*7 }}", "%(x)s", "{0}"),
    *("true", "null", "1e3", "0o7", "12:30", "no", "~", "- a", "a: b", "#", "&a", "*a", "!!python/object", "|"),
    *("__proto__", "../../etc/passwd", "]]>", "a.b", ".", "..", "*", "?", "[a-z]+", "(?i)a", "a|b", "' or '1'=='1"),
    *("https://example.com/?a=b&c=d", "arn:aws:iam::123456789012:role/x", "OPEN.BatchJobQueue.SETTING"),
    "]] return true --",
)
