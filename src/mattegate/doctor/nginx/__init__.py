"""nginx, modelled: what this request gets from this configuration, which line decides, what reaches the upstream."""
