"""Doctor: what a deployment needs and lacks, before `create`.

The values that are found, and how people and programs read them. What is asked of a cloud is in the `doctor` room of
its backend, what is asked of the engine's database in `engine.doctor`. A question changes nothing.
"""
