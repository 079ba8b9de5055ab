"""Method calls of clients and their answers; must never raise: a client that says nonsense gets an error."""

from typing import TYPE_CHECKING

from dbus_fast import ErrorType, Message

from simulators.bluez.adapter import ADAPTER, MONITOR_MANAGER, Adapter

if TYPE_CHECKING:
    from simulators.bluez.service import BlueZ

MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
MONITOR = "org.bluez.AdvertisementMonitor1"


def answer(bluez: "BlueZ", call: Message) -> Message | None:
    """The answer to a call; None leaves it to the library (introspection, ping)."""
    if call.interface == MANAGER and call.member == "GetManagedObjects" and call.path == "/":
        return Message.new_method_return(call, "a{oa{sa{sv}}}", [bluez.managed()])
    one = next((one for one in bluez.adapters.values() if one.path == call.path), None)
    if one is None:
        if call.path and call.path.startswith("/org/bluez/"):
            return Message.new_error(call, ErrorType.UNKNOWN_OBJECT.value, f"no object {call.path}")
        return None
    if call.interface == ADAPTER:
        return _adapter(bluez, one, call)
    if call.interface == MONITOR_MANAGER and one.monitors:
        return _monitors(bluez, one, call)
    if call.interface == PROPERTIES:
        return _properties(bluez, one, call)
    return Message.new_error(call, ErrorType.UNKNOWN_METHOD.value, f"{call.interface}.{call.member}")


def _adapter(bluez: "BlueZ", one: Adapter, call: Message) -> Message:
    rules, client = one.rules, str(call.sender)
    if call.member == "SetDiscoveryFilter":
        rules.filters[client] = {name: value.value for name, value in call.body[0].items()}
        if client in rules.discovering:
            rules.discovering[client] = rules.filters[client]
        return Message.new_method_return(call)
    if call.member == "StartDiscovery":
        return _start(bluez, one, call)
    if call.member == "StopDiscovery":
        if client not in rules.discovering:
            return Message.new_error(call, "org.bluez.Error.Failed", "No discovery started")
        bluez.stopped(one, client)
        return Message.new_method_return(call)
    return Message.new_error(call, ErrorType.UNKNOWN_METHOD.value, str(call.member))


def _start(bluez: "BlueZ", one: Adapter, call: Message) -> Message:
    client = str(call.sender)
    if not one.powered:
        return Message.new_error(call, "org.bluez.Error.NotReady", "Resource Not Ready")
    if one.busy > 0 or client in one.rules.discovering:
        one.busy = max(one.busy - 1, 0)
        return Message.new_error(call, "org.bluez.Error.InProgress", "Operation already in progress")
    one.deaf = False
    one.discovered.set()
    one.rules.discovering[client] = one.rules.filters.get(client, {})
    bluez.discovering(one)
    return Message.new_method_return(call)


def _monitors(bluez: "BlueZ", one: Adapter, call: Message) -> Message:
    """A new monitor is asked for its patterns and activated, once the client has it on the bus."""
    key = str(call.sender), str(call.body[0]) if call.body else ""
    if call.member == "RegisterMonitor":
        if key in one.rules.monitors:
            return Message.new_error(call, "org.bluez.Error.AlreadyExists", "Already Exists")
        one.rules.monitors[key] = ()
        _ask_monitor(bluez, one, key)
        return Message.new_method_return(call)
    if call.member == "UnregisterMonitor":
        if one.rules.monitors.pop(key, None) is None:
            return Message.new_error(call, "org.bluez.Error.DoesNotExist", "Does Not Exist")
        return Message.new_method_return(call)
    return Message.new_error(call, ErrorType.UNKNOWN_METHOD.value, str(call.member))


def _ask_monitor(bluez: "BlueZ", one: Adapter, key: tuple[str, str]) -> None:
    """Asks the client's object manager; the answer comes as a message, without a task that would have to be kept."""
    bus, (client, root) = bluez.bus, key

    def take(reply: Message | None, problem: Exception | None) -> None:
        if reply is None or problem is not None or not reply.body or key not in one.rules.monitors:
            return
        for path, interfaces in reply.body[0].items():
            if MONITOR not in interfaces:
                continue
            patterns = [(int(a), int(b), bytes(c)) for a, b, c in interfaces[MONITOR]["Patterns"].value]
            one.rules.monitors[key] = patterns
            one.activated.set()
            bus.send(Message(destination=client, path=path, interface=MONITOR, member="Activate"))

    call = Message(destination=client, path=root, interface=MANAGER, member="GetManagedObjects")
    bus._call(call, take)


def _properties(bluez: "BlueZ", one: Adapter, call: Message) -> Message:
    if call.member == "GetAll":
        return Message.new_method_return(call, "a{sv}", [one.interfaces().get(call.body[0], {})])
    if call.member == "Set" and call.body[:2] == [ADAPTER, "Powered"]:
        bluez.power(one.name, bool(call.body[2].value))
        return Message.new_method_return(call)
    return Message.new_error(call, ErrorType.UNKNOWN_METHOD.value, str(call.member))
