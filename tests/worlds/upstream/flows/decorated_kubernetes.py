from metaflow import (
    Config,
    FlowSpec,
    JSONType,
    Parameter,
    catch,
    environment,
    kubernetes,
    project,
    resources,
    retry,
    secrets,
    step,
    timeout,
    trigger,
)


# The decorators that reach a job definition, a state or a pod, on one step or another.
@project(name="shop")
@trigger(event={"name": "stock-counted", "parameters": {"warehouse": "site", "Limits": "limits"}})
class Decorated(FlowSpec):
    warehouse = Parameter("warehouse", default='it\'s "here" $HOME `x` ü')
    limits = Parameter("Limits", type=JSONType, default='{"low": [1, {"a b": null}]}')
    ratio = Parameter("ratio", type=float, default=0.5)
    many = Parameter("many", separator=",", default="a,b")
    layout = Config("layout", default_value='{"rows": 3}')

    @environment(vars={"PLAIN": "value", "ODD": 'it\'s "so" $HOME {{x}}'})
    @resources(cpu=2, memory=1024, shared_memory=64)
    @step
    def start(self):
        self.next(self.left, self.right)

    @retry(times=3, minutes_between_retries=1)
    @timeout(hours=1, minutes=5)
    @catch(var="problem")
    @kubernetes(image="example.org/tools:1", cpu=4, memory=2000, disk=5000, use_tmpfs=True, labels={"team": "stock"})
    @step
    def left(self):
        self.next(self.both)

    @kubernetes(gpu=1, node_selector={"zone": "a"}, tolerations=[{"key": "gpu", "operator": "Exists"}])
    @secrets(sources=["inline-secret"])
    @step
    def right(self):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Decorated()
