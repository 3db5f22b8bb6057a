"""FT702: access denied."""

SOURCE = "step-functions.md#roles"
RAISED = "backends"
FINDS = "The backend refused an action on a resource to this identity. Both are named."
WHY = "What was made before stays; the command can be repeated once the permission is there."
LANGUAGE = "text"
BAD = """
$ python flow.py step-functions create
error[FT702]: ... events:PutRule on rule/...
"""
GOOD = '{"Effect": "Allow", "Action": "events:PutRule", "Resource": "arn:aws:events:...:rule/..."}'
