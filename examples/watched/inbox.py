import os

from metaflow import FlowSpec, Parameter, current, step
from metaflow_triggers.poll import Context, TriggerResult, trigger

INBOX = os.environ.get('INBOX', 'inbox')


# Looks every ten seconds; the flow takes the file away, so that it fires until then.
@trigger(workflow='FileProcessor', name='inbox', poll_interval='10s')
def watch_inbox():
    files = sorted(os.listdir(INBOX)) if os.path.isdir(INBOX) else []
    if not files:
        return TriggerResult.skip()
    return TriggerResult.fire(Context({'filename': files[0]}))


class FileProcessor(FlowSpec):
    filename = Parameter('filename', required=True)

    @step
    def start(self):
        if current.trigger:
            os.unlink(os.path.join(INBOX, self.filename))
        print(f"Processing {self.filename}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FileProcessor()
