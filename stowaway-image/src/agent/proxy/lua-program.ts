/**
 * What HAProxy cannot do by configuration alone, in its own Lua (each thread runs its own copy, so nothing is locked):
 *   mirror  a filter that copies a request, as it streams by, and sends the copy when the request is complete. The request itself
 *           is neither held nor changed. Whatever goes wrong with the copy ends with the copy: every callback is guarded, since an
 *           error in a filter would fail the request.
 *           Asked to (the filter's sixth word), it keeps the beginning of both answers and writes them as one line of JSON, with texts in hex:
 *           the agent compares them (diff/).
 *   delay   an action that waits.
 */

/**
 * A copy with a longer body is not sent; all copies of one thread together hold at most `heldBytes`, and `copies` are under way at most. Beyond half of
 * that a bridge has its share only, so that its container cannot take everything from others. A copy is given up `answerS` after its beginning.
 */
export const mirrorLimits = { bodyBytes: 1024 * 1024, heldBytes: 4 * 1024 * 1024, copies: 64, share: { heldBytes: 1024 * 1024, copies: 16 }, answerS: 30 } as const;

/** A copy begins so much later than its request: by then most requests are answered, and what the copy costs this node's processors is nobody's delay. */
const copyDelayMs = 5;

/** Of pairs of answers: how much of each is kept, and how many a second one thread tells of. */
export const diffLimits = { bodyBytes: 8192, headBytes: 4096, perSecond: 20 } as const;

/** Added to copies, with the bridge's name, so that the container can tell them from requests whose answer somebody gets. */
export const mirrorHeader = 'x-bridge-mirror';

export function luaProgram({ answerS }: { answerS: number } = mirrorLimits): string {
  return `
-- Of all bridges, and of each by its name.
local all, shares = { copies = 0, held = 0 }, {}
-- Sockets of copies under way, and the second in which each is given up: a socket's own limit counts silence, and one byte a second is none.
local ends, watching = {}, false
-- Tasks that send copies: so many as there have been copies at the same time; the idle ones wait for the next.
local idle, waiting = 0, core.queue()

-- About this connection, not about the request (RFC 9110, 7.6.1); the body's length is known anew.
local hop = { ['connection'] = true, ['keep-alive'] = true, ['proxy-connection'] = true, ['te'] = true, ['trailer'] = true,
  ['transfer-encoding'] = true, ['upgrade'] = true, ['expect'] = true, ['content-length'] = true }

local Mirror = { id = 'podbridge mirror', flags = filter.FLT_CFG_FL_HTX }
Mirror.__index = Mirror

function Mirror:new()
  return setmetatable({ args = self.args, share = self.share, parts = {}, size = 0, taken = false }, Mirror)
end

local function hold(self, bytes)
  all.held, self.share.held = all.held + bytes, self.share.held + bytes
end

local function count(self, copies)
  all.copies, self.share.copies = all.copies + copies, self.share.copies + copies
end

local limits = { copies = ${mirrorLimits.copies}, held = ${mirrorLimits.heldBytes} }
local share = { copies = ${mirrorLimits.share.copies}, held = ${mirrorLimits.share.heldBytes} }

local function is_over(what, self, more)
  local wanted = all[what] + more
  return wanted > limits[what] or (wanted > limits[what] / 2 and self.share[what] + more > share[what])
end

local function let_go(self)
  hold(self, -self.size)
  self.taken, self.parts, self.size, self.pair = false, {}, 0, nil
end

local function guarded(callback)
  return function(self, txn, message)
    if not pcall(callback, self, txn, message) then let_go(self) end
  end
end

local function first(headers, name)
  local values = headers[name]
  return values and values[0] or nil
end

local function hex(text)
  return (text:gsub('.', function(sign) return string.format('%02x', sign:byte()) end))
end

local second, told = 0, 0

-- When both answers are there. Lines of several threads may run into each other: the agent drops what it cannot read.
local function tell(self)
  if not self.pair or not self.pair.original or not self.pair.copied then return end
  local pair = self.pair
  self.pair = nil
  local now = core.now()
  if now.sec ~= second then second, told = now.sec, 0 end
  told = told + 1
  if told > ${diffLimits.perSecond} then return end
  io.stdout:write(string.format('{"diff":"%s","frontend":"%s","ms":%d,"took":%d,"method":"%s","path":"%s","status":%d,"type":"%s","encoding":"%s","bytes":%d,"body":"%s","copyBytes":%d,"copy":"%s"}\\n',
    self.args[4], self.args[6], pair.at, (now.sec * 1000 + math.floor(now.usec / 1000)) - pair.at, hex(pair.method), hex(pair.path), pair.status, hex(pair.kind), hex(pair.encoding), pair.bytes, hex(pair.body), pair.copyBytes, hex(pair.copy)))
  io.stdout:flush()
end

-- The original's answer, as it goes by.
local function answer_headers(self, message)
  local status = tonumber(message:get_stline().code) or 0
  if not self.pair or status < 200 then return end
  local headers = message:get_headers()
  self.pair.status, self.pair.kind, self.pair.encoding = status, first(headers, 'content-type') or '', first(headers, 'content-encoding') or ''
  filter.register_data_filter(self, message.channel)
end

Mirror.http_headers = guarded(function(self, txn, message)
  if message:is_resp() then answer_headers(self, message) return end
  local headers = message:get_headers()
  local kind = first(headers, 'content-type') or ''
  -- These are conversations: half of one makes no sense.
  if headers['upgrade'] or kind:sub(1, 16) == 'application/grpc' or is_over('copies', self, 1) then return end
  local line = message:get_stline()
  local path = line.uri:gsub('^%a[%w+.-]*://[^/?#]*', '')
  if path:sub(1, 1) ~= '/' then path = '/' .. path end
  local lines = { line.method .. ' ' .. path .. ' HTTP/1.1' }
  for name, values in pairs(headers) do
    if not hop[name] then
      for _, value in pairs(values) do lines[#lines + 1] = name .. ': ' .. value end
    end
  end
  self.has_body = headers['content-length'] ~= nil or headers['transfer-encoding'] ~= nil or (line.method ~= 'GET' and line.method ~= 'HEAD')
  lines[#lines + 1] = 'x-forwarded-for: ' .. txn.f:src()
  lines[#lines + 1] = '${mirrorHeader}: ' .. self.args[4]
  lines[#lines + 1] = 'connection: close'
  self.lines, self.taken = lines, true
  if self.args[5] == 'diff' then
    local now = core.now()
    self.pair = { at = now.sec * 1000 + math.floor(now.usec / 1000), method = line.method, path = path, body = '', bytes = 0, copy = '', copyBytes = 0 }
  end
  filter.register_data_filter(self, message.channel)
end)

Mirror.http_payload = guarded(function(self, txn, message)
  if message:is_resp() then
    local answer = self.pair and message:body()
    if answer then
      self.pair.bytes = self.pair.bytes + #answer
      if #self.pair.body < ${diffLimits.bodyBytes} then self.pair.body = (self.pair.body .. answer):sub(1, ${diffLimits.bodyBytes}) end
    end
    return
  end
  if not self.taken then return end
  local data = message:body()
  if not data or #data == 0 then return end
  if self.size + #data > ${mirrorLimits.bodyBytes} or is_over('held', self, #data) then let_go(self) return end
  self.parts[#self.parts + 1] = data
  self.size = self.size + #data
  hold(self, #data)
end)

local function give_up()
  while true do
    core.msleep(1000)
    local now = core.now().sec
    for socket, at in pairs(ends) do
      if now >= at then
        ends[socket] = nil
        pcall(socket.close, socket)
      end
    end
  end
end

local function exchange(copy, socket)
  socket:settimeout(${answerS})
  local address, port = copy.args[1], tonumber(copy.args[2])
  local connected
  if copy.args[3] == 'tls' then connected = socket:connect_ssl(address, port) else connected = socket:connect(address, port) end
  if connected then
    if copy.has_body or copy.size > 0 then copy.lines[#copy.lines + 1] = 'content-length: ' .. copy.size end
    local sent = socket:send(table.concat(copy.lines, '\\r\\n') .. '\\r\\n\\r\\n')
    for _, part in ipairs(copy.parts) do
      if not sent then break end
      sent = socket:send(part)
    end
    -- The answer is read and dropped: a container whose answers nobody takes would see errors.
    while sent do
      local data, _, rest = socket:receive(16384)
      if copy.pair then
        local piece = data or rest or ''
        copy.pair.copyBytes = copy.pair.copyBytes + #piece
        if #copy.pair.copy < ${diffLimits.bodyBytes + diffLimits.headBytes} then copy.pair.copy = (copy.pair.copy .. piece):sub(1, ${diffLimits.bodyBytes + diffLimits.headBytes}) end
      end
      if not data then break end
    end
  end
end

local function send(copy)
  local socket = core.tcp()
  ends[socket] = core.now().sec + ${answerS}
  pcall(exchange, copy, socket)
  ends[socket] = nil
  socket:close()
end

-- For ever: HAProxy collects all garbage of the thread when a task ends that had a socket.
local function work(copy)
  while true do
    core.msleep(${copyDelayMs})
    pcall(send, copy)
    if copy.pair then
      copy.pair.copied = true
      pcall(tell, copy)
    end
    count(copy, -1)
    hold(copy, -copy.size)
    copy = nil
    idle = idle + 1
    copy = waiting:pop_wait()
  end
end

Mirror.http_end = guarded(function(self, txn, message)
  if message:is_resp() then
    if self.pair and self.pair.status then
      self.pair.original = true
      tell(self)
    end
    return
  end
  if not self.taken then return end
  self.taken = false
  count(self, 1)
  if not watching then
    watching = true
    core.register_task(give_up)
  end
  if idle > 0 then
    idle = idle - 1
    waiting:push(self)
  else
    core.register_task(work, self)
  end
end)

-- A request that ends before it is complete is not copied.
function Mirror:end_analyze(txn, channel)
  if self.taken then let_go(self) end
end

core.register_filter('mirror', Mirror, function(mirror, args)
  shares[args[4]] = shares[args[4]] or { copies = 0, held = 0 }
  mirror.args, mirror.share = args, shares[args[4]]
  return mirror
end)

core.register_action('delay', { 'http-req' }, function(txn, milliseconds) core.msleep(tonumber(milliseconds)) end, 1)
`;
}
