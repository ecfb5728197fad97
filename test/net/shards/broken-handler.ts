// A handler that no shard can load.

throw new Error('not in the mood');
