#!/bin/sh
# awscli 1.44.18 against moto 5.2.5 (PyPI).
#
# Guess before running: `aws cloudformation deploy` of a template whose parameter has a new Default, without
# --parameter-overrides, gives the stack the new value.
#
# Seen: the stack keeps the value of its first deployment, and a resource beside it that is written out in the template
# changes. For a stack that exists the command asks for the previous value of every parameter that is not overridden.
# So what a release changes must not be the Default of a parameter.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, and PyPI.
set -eu
work=$(mktemp -d)
server=""
trap 'test -z "$server" || kill "$server"; rm -rf "$work"' EXIT
cd "$work"
# Each in an environment of its own: they ask for different versions of botocore.
install() {
    python3 -m venv "$1"
    "$1/bin/python" -m pip --quiet --disable-pip-version-check install "$2"
}
install cli awscli==1.44.18
install moto 'moto[server]==5.2.5'
cat >serve.py <<'PY'
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
PY
moto/bin/python serve.py >port 2>log &
server=$!
until test -s port; do sleep 0.2; done
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=us-east-1 HOME="$work"
export AWS_ENDPOINT_URL="http://127.0.0.1:$(cat port)" AWS_EC2_METADATA_DISABLED=true
aws() { cli/bin/python -m awscli "$@"; }
template() {
    cat >template.yaml <<END
Parameters:
  Release:
    Type: String
    Default: $1
Resources:
  ByParameter:
    Type: AWS::SSM::Parameter
    Properties: {Name: by-parameter, Type: String, Value: !Ref Release}
  WrittenOut:
    Type: AWS::SSM::Parameter
    Properties: {Name: written-out, Type: String, Value: $1}
END
}
value() { aws ssm get-parameter --name "$1" --query Parameter.Value --output text; }
for release in first second; do
    template "$release"
    aws cloudformation deploy --stack-name flow --template-file template.yaml >said
    echo "deployed $release: by-parameter $(value by-parameter), written-out $(value written-out)"
done >seen
printf '%s\n' 'deployed first: by-parameter first, written-out first' \
    'deployed second: by-parameter first, written-out second' >expected
cat seen
diff expected seen && echo "as described"
