from metaflow import FlowSpec, Parameter, step, trigger


# Each of the two events starts a run of its own.
@trigger(
    events=[
        {'name': 'stock-low', 'parameters': {'product': 'sku'}},
        {'name': 'product-added', 'parameters': {'product': 'product.sku'}},
    ],
    require='any',
)
class Reorder(FlowSpec):
    product = Parameter('product', required=True)

    @step
    def start(self):
        print(f"Reordering {self.product}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Reorder()
