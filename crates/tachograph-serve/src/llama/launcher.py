# Starts llama.cpp's own HTTP server out of the wheel `xllamacpp`.
#
# Argument: one JSON object (model, socket, num_ctx, num_parallel, threads,
# num_gpu, num_batch, use_mmap, host_cache). Standard input is a pipe that the
# parent holds: when it ends, the parent is gone, and so is this process.
import json
import os
import sys
import threading


def leave_with_parent():
    while os.read(0, 4096):
        pass
    os._exit(0)


threading.Thread(target=leave_with_parent, daemon=True).start()

import xllamacpp  # noqa: E402  (the watch must run before the slow import)

settings = json.loads(sys.argv[1])
parameters = xllamacpp.CommonParams()
parameters.model.path = settings["model"]
parameters.hostnames = [settings["socket"]]
parameters.port = 0
parameters.n_ctx = settings["num_ctx"] * settings["num_parallel"]
parameters.n_parallel = settings["num_parallel"]
parameters.n_batch = settings["num_batch"]
parameters.cpuparams.n_threads = settings["threads"]
parameters.cpuparams_batch.n_threads = settings["threads"]
parameters.ctx_shift = True
parameters.offline = True
parameters.ui = False
if settings["num_gpu"] >= 0:
    parameters.n_gpu_layers = settings["num_gpu"]
if not settings["host_cache"]:
    parameters.cache_ram_mib = 0
server = xllamacpp.Server(parameters)
threading.Event().wait()
