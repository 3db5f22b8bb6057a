"""Our `cloaca` takes the place of an installed one."""

import cloaca


@cloaca.trigger(workflow="FileProcessor")
def by_cloaca():
    return cloaca.TriggerResult.skip()
