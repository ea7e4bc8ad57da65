-- What lua programs ask of a system: text, tables, coroutines, files, pipes,
-- the shell, time. Prints nothing that differs between two runs on Linux.
local dir = os.tmpname()
os.remove(dir)
assert(os.execute("mkdir " .. dir))

local function section(name) print("== " .. name) end
local function try(f, ...)
  local ok, err = pcall(f, ...)
  return ok and "fine" or (type(err) == "string" and err:gsub("^[^:]*:%d+: ", "") or tostring(err.code))
end

section "text"
print(string.format("%5d|%-5d|%05d|%x|%X|%#o|%e|%.3f|%g|%q|%10.4s|%c|%i|%a", 42, 42, 42, 255, 255, 8, 12345.678, math.pi, 1e20, 'a "quoted"\nline', "abcdefgh", 65, -7, 0.5))
print(("hello"):upper(), ("WORLD"):lower(), ("abc"):reverse(), ("ab"):rep(3, "-"), #("x"):rep(100000), ("hello"):byte(1, -1))
print(("key = value # note"):match("^(%w+)%s*=%s*(%w+)"), ("2024-01-15"):match("(%d+)-(%d+)-(%d+)"))
print(("the quick brown fox"):gsub("%w+", function(w) return w:sub(1, 1):upper() .. w:sub(2) end))
print(("hello world"):gsub("o", {o = "0"}), ("$name is $age"):gsub("%$(%w+)", {name = "bob", age = 7}))
print(("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"), ("hello.world"):find(".", 1, true))
for k, v in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do io.write(k, ":", v, " ") end
print()
print(("x"):rep(3), ("%d"):format(3.0), #"\u{20AC}", utf8.char(228, 8364, 128512), utf8.len("äö€"), utf8.codepoint("€", 1))
for _, c in utf8.codes("aé€") do io.write(c, " ") end
print()
print(string.pack("<i4 z s1 >I2", 100, "zero", "counted", 258):byte(1, -1))
print(string.unpack("<i4 z s1 >I2", string.pack("<i4 z s1 >I2", 100, "zero", "counted", 258)))
print(tostring(nil), tostring(1e15), tostring(2^53), 10 // 3, -7 // 2, -7 % 3, 7.5 % 2, 1 / 0, 3 | 4, ~0, 1 << 62, "10" + 5, 0x7fffffffffffffff + 1 == math.mininteger)
print(math.floor(-3.5), math.ceil(3.2), math.max(3, 9, 2), math.tointeger(3.0), math.type(1), math.type(1.0), math.ult(1, -1), math.fmod(-7, 3))

section "tables"
local t = {}
for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
table.sort(t)
print(t[1], t[2], t[500], t[999], t[1000], #t)
table.sort(t, function(a, b) return a > b end)
print(table.concat(t, " ", 1, 5), select("#", table.unpack(t, 1, 200)), table.concat(table.move({1, 2, 3}, 1, 3, 3, {9, 9}), ","))
local q = {}
for i = 1, 5 do table.insert(q, 1, i) end
print(table.remove(q), table.remove(q, 1), table.concat(q, ","), next({}), #table.pack(nil, nil, 3))
local sieve, primes = {}, {}
for i = 2, 200 do
  if not sieve[i] then
    primes[#primes + 1] = i
    for j = i * i, 200, i do sieve[j] = true end
  end
end
print(#primes, table.concat(primes, " ", 1, 10))
local words, counts = {}, {}
for w in ("to be or not to be that is the question to be"):gmatch "%a+" do
  if not counts[w] then words[#words + 1] = w end
  counts[w] = (counts[w] or 0) + 1
end
table.sort(words, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
for _, w in ipairs(words) do io.write(w, "=", counts[w], " ") end
print()

section "functions"
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(20), select(-1, 1, 2, 3), (function(...) return select("#", ...) end)(nil, nil))
local function counter() local n = 0; return function() n = n + 1; return n end end
local c1, c2 = counter(), counter()
print(c1(), c1(), c2(), c1())
local function loop(n) if n == 0 then return "tail calls" end return loop(n - 1) end
print(loop(100000), try(function() local function deep() return 1 + deep() end return deep() end):match("stack overflow"))
print(try(error, "plain"), try(error, {code = 42}), try(function() return nil + 1 end), try(function() return #nil end), try(function() local x = {} ; x.y.z = 1 end))
print(xpcall(function() error("traced", 0) end, function(m) return "handled " .. m end), select(2, pcall(error)))
print(load("return ...", "chunk", "t")(7), load("syntax error here"), load(function() return nil end)())
goto done
print("skipped")
::done::
do
  local closed <close> = setmetatable({}, {__close = function() print("closed") end})
  local k <const> = 5
  print("open", k)
end

section "metatables"
local V = {}
V.__index = V
V.__add = function(a, b) return setmetatable({x = a.x + b.x}, V) end
V.__eq = function(a, b) return a.x == b.x end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__call = function(self, y) return self.x * y end
V.__tostring = function(self) return "V(" .. self.x .. ")" end
V.__len = function(self) return self.x end
V.__concat = function(a, b) return tostring(a) .. tostring(b) end
V.__unm = function(a) return setmetatable({x = -a.x}, V) end
local a, b = setmetatable({x = 3}, V), setmetatable({x = 4}, V)
print(tostring(a + b), a == b, a < b, a <= b, a(10), #a, a .. b, tostring(-a), rawlen(a), rawequal(a, a))
local log = {}
local proxy = setmetatable({}, {__index = function(_, k) log[#log + 1] = k; return k .. "!" end, __newindex = function(_, k, v) log[#log + 1] = k .. "=" .. v end})
proxy.x = proxy.y
print(table.concat(log, " "), rawget(proxy, "x"))
local weak = setmetatable({}, {__mode = "k"})
for i = 1, 100 do weak[{}] = i end
collectgarbage()
print("weak entries left", next(weak))
local collected = 0
for i = 1, 50 do setmetatable({}, {__gc = function() collected = collected + 1 end}) end
collectgarbage()
collectgarbage()
print("collected", collected, collectgarbage("count") > 0)

section "coroutines"
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local sum = 0
for i in gen(1000) do sum = sum + i end
print(sum)
local co = coroutine.create(function(x, y) local z = coroutine.yield(x + y); local w = coroutine.yield(z * 2); error("inside " .. w) end)
print(coroutine.resume(co, 1, 2))
print(coroutine.resume(co, 10))
print(select(2, coroutine.resume(co, "co")):gsub("^[^:]*:%d+: ", ""), coroutine.status(co), coroutine.resume(co))
local function permute(a, n)
  n = n or #a
  if n <= 1 then coroutine.yield(a) else
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permute(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
end
local seen = {}
for p in coroutine.wrap(function() permute {"a", "b", "c"} end) do seen[#seen + 1] = table.concat(p) end
print(table.concat(seen, " "))
local ring = {}
for i = 1, 100 do ring[i] = coroutine.wrap(function(v) while true do v = coroutine.yield(v + i) end end) end
local v = 0
for _ = 1, 10 do for i = 1, 100 do v = ring[i](v) end end
print("ring", v, coroutine.isyieldable(), select(2, coroutine.running()))

section "files"
local name = dir .. "/lines"
local f = assert(io.open(name, "w"))
for i = 1, 1000 do f:write("line ", i, "\n") end
print(f:seek("cur"), f:seek("set", 10), f:write("XX"), f:close(), io.type(f), io.type(io.stdout), io.type(1))
local n, total = 0, 0
for line in io.lines(name) do n = n + 1; total = total + (tonumber(line:match("%d+$")) or 0) end
print(n, total)
f = assert(io.open(name, "r+"))
print(f:read("l"), f:read("L"), f:read(4), f:read("n"), f:read(0), f:seek("end"), f:read("l"), f:read("a"), f:read(0))
f:seek("set", 0)
f:setvbuf("no")
f:write("first")
f:seek("set", 0)
print(f:read("l"), #f:read("a"))
f:close()
f = io.open(name, "a")
f:write("last\n")
print(f:seek("end"))
f:close()
for _, case in ipairs {{dir .. "/none/x", "w"}, {dir, "w"}, {name .. "/x", "r"}, {dir .. "/absent", "r"}} do
  local _, err, code = io.open(case[1], case[2])
  print(err:gsub("^.*: ", ""), code)
end
print(try(io.lines, dir .. "/absent"):match("No such file.*"), select(3, os.remove(dir .. "/absent")), try(io.open, name, "bad"))
local content = ("\0\1\2\255binary\r\n"):rep(20000)
f = io.open(dir .. "/binary", "wb")
f:setvbuf("full", 1 << 16)
f:write(content)
f:close()
f = io.open(dir .. "/binary", "rb")
print(f:read("a") == content, f:seek("cur"))
f:close()
print(os.rename(name, dir .. "/moved"), io.open(name), os.remove(dir .. "/moved"), select(3, os.rename(name, name .. "2")))
local tmp = io.tmpfile()
tmp:write("temporary")
tmp:seek("set")
print(tmp:read("a"), tmp:close())
f = io.open(dir .. "/chunk.lua", "w")
f:write("local a = ...\nreturn a * 2, 'from a file'\n")
f:close()
print(loadfile(dir .. "/chunk.lua")(21), select("#", dofile(dir .. "/chunk.lua" and "/dev/null")))
package.path = dir .. "/?.lua"
f = io.open(dir .. "/mod.lua", "w")
f:write("return {name = ..., twice = function(x) return x * 2 end}")
f:close()
local mod = require "mod"
print(mod.name, mod.twice(4), require "mod" == mod, try(require, "nomod"):match("module 'nomod' not found"))
print(select(3, io.open("/dev/full", "w"):setvbuf("no")), (function() local d = io.open("/dev/full", "w"); d:setvbuf("no"); return select(2, d:write("x")) end)())

section "processes"
print(os.execute("exit 3"))
print(os.execute("kill -9 $$"))
print(os.execute("true"))
print(os.execute())
local p = io.popen("echo out; exit 5")
print(p:read("a"), p:close())
p = io.popen("tr a-z A-Z | sed 's/^/> /'", "w")
p:write("to a pipe\nof two\n")
print(p:close())
p = io.popen("seq 1 20000")
local s = 0
for line in p:lines() do s = s + line end
print(s, p:close())
p = io.popen("kill -TERM $$; echo never")
print(p:read("a"), p:close())
p = io.popen("exec 2>&1; cat /nonexistent; echo $?")
print((p:read("a"):gsub("cat: [^\n]*: ", "cat: ")))
p:close()
local readers = {}
for i = 1, 5 do readers[i] = io.popen("read x; echo " .. i .. " $x <<E\nE\n") end
for i = 1, 5 do readers[i]:close() end
print(os.getenv("HOME"), os.getenv("NOT_SET"), arg[0]:match("[^/]*$"), #arg, arg[1])

section "time"
print(os.date("!%Y-%m-%d %H:%M:%S %a %j", 1700000000), os.time {year = 2024, month = 1, day = 15, hour = 12} - os.time {year = 2024, month = 1, day = 14, hour = 12})
local d = os.date("!*t", 86400 * 365)
print(d.year, d.month, d.day, d.hour, d.wday, d.yday, d.isdst, os.difftime(5, 3))
local t0, c0 = os.time(), os.clock()
local x = 0
for i = 1, 1e5 do x = x + i % 7 end
print(x, os.time() >= t0, os.clock() > c0, try(os.date, "%Ez"):match("invalid conversion"))

section "end"
os.execute("rm -r " .. dir)
print(io.open(dir) == nil)
io.stderr:write("to standard error\n")
setmetatable({}, {__gc = function() print("collected at the end") end})
os.exit(7, true)
