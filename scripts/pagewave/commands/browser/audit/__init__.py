"""The lines of `pagewave audit` in the browser, one after the other: scan, what was read, keys.

`judging` says what there is to judge and saves what a person says of it, `server` which address is
what; `assets/` is what the browser runs, with no build step. Nobody is told of doubts here: who
knows where a fault is thought to be looks there, and the sample is no random one any more.
"""
