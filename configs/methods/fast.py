# The data sets as one tensor in the memory of the device, random transforms on whole batches. mmlt's own.
default_hooks = dict(fast=dict(type='FastLoaderHook'))
