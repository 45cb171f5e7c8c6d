# The data sets as one tensor in the memory of the device, random transforms on whole batches. For sets that fit.
default_hooks = dict(fast=dict(type='FastLoaderHook'))
