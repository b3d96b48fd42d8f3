"""Owns what `daily_store.py` has Redis or Valkey do in one step each, in Lua. Its keys are told there."""

LOOK = """
local channels, channel, create = KEYS[1], ARGV[1], ARGV[2]
local seen = tonumber(redis.call('ZSCORE', channels, channel) or nil)
if not seen and create == '' then return 0 end
local now = redis.call('TIME')
local score = -(now[1] * 1000000 + now[2])
if seen and seen <= score then score = seen - 1 end
redis.call('ZADD', channels, string.format('%.0f', score), channel)
return 1
"""

SOON = """
redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + 60, ARGV[1])
return 1
"""

REST = """
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
local latest = redis.call('TIME')[1] + ARGV[4]
local till = tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], till and till < latest and ARGV[3] or latest, ARGV[1])
return 1
"""

KEEP_BOARD = """
local kept = redis.call('GET', KEYS[1]) or ''
if kept == ARGV[2] then return 1 end
if kept ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""

# ARGV: slot, question, id of its message, TTL, first day that is kept
KEEP_QUESTION = """
local past, at = KEYS[1], KEYS[2]
redis.call('HSET', past, ARGV[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', at, ARGV[3], ARGV[1]) end
for _, slot in ipairs(redis.call('HKEYS', past)) do
  if string.sub(slot, -10) < ARGV[5] then redis.call('HDEL', past, slot) end
end
local messages = redis.call('HGETALL', at)
for i = 1, #messages, 2 do
  if string.sub(messages[i + 1], -10) < ARGV[5] then redis.call('HDEL', at, messages[i]) end
end
redis.call('EXPIRE', past, ARGV[4])
redis.call('EXPIRE', at, ARGV[4])
return 1
"""

# What the scripts on deeds begin with. cjson would round `again`.
DEEDS = """
local deeds, name, keep = KEYS[1], ARGV[1], ARGV[2]
local now = tonumber(redis.call('TIME')[1])
local was = redis.call('HGET', deeds, name) or '{}'
local doing = cjson.decode(was)
doing.tries, doing.again, doing.id = doing.tries or 0, doing.again or 0, doing.id or ''
local function write()
  redis.call('HSET', deeds, name, string.format('{"tries":%d,"again":%.17g,"id":%s,"unclear":%s,"since":%d}',
             doing.tries, doing.again, cjson.encode(doing.id), tostring(doing.unclear or false), now))
  redis.call('EXPIRE', deeds, keep)
end
"""

TAKE = """
if doing.id == '' then
  doing.unclear = true
  write()
end
return was
"""

SETTLE = """
if doing.id == '' then
  doing.id, doing.unclear = ARGV[3], false
  write()
  local all = redis.call('HGETALL', deeds)
  for i = 1, #all, 2 do
    if (cjson.decode(all[i + 1]).since or 0) < now - keep then redis.call('HDEL', deeds, all[i]) end
  end
end
return doing.id
"""

POSTPONE = """
if doing.id ~= '' then return 0 end
local again = tonumber(ARGV[3])
if doing.again ~= again then doing.tries = doing.tries + 1 end
doing.again, doing.unclear = again, ARGV[4] == '1'
write()
return 1
"""

PIN = """
local asked, order, occasion, item, most = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HSETNX', asked, occasion, item) == 1 then
  redis.call('RPUSH', order, occasion)
  while redis.call('LLEN', order) > most do redis.call('HDEL', asked, redis.call('LPOP', order)) end
end
return redis.call('HGET', asked, occasion)
"""

# ARGV: command, field, value, TTL
PUT = """
redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""

# ARGV: key, answer, TTL
SAY = """
if redis.call('HGET', KEYS[1], ARGV[1]) == '' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

# ARGV: who and where, second, TTL, second before which one is stale
REMIND = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if tonumber(all[i + 1]) < tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], all[i]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

# ARGV: TTL, members...
KNOW = """
for i = 2, #ARGV do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""

TOOK = """
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""

REPLACE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
