"""Cycles in a graph given as {node: iterable of nodes}."""


def components(edges):
    """The strongly connected components of more than one node, each a list; nodes with an edge to themselves count."""
    number, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in list(edges):
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(edges.get(root, ())))]
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in number:
                    number[successor] = low[successor] = len(number)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(edges.get(successor, ()))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], number[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    component = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    if len(component) > 1 or node in edges.get(node, ()):
                        found.append(component)
    return found


def path(edges, start, end, allowed=lambda node: True):
    """A shortest path from start to end over allowed nodes, as a list of nodes; None if there is none."""
    came_from, layer = {start: None}, [start]
    while layer:
        following = []
        for node in layer:
            if node == end:
                way = []
                while node is not None:
                    way.append(node)
                    node = came_from[node]
                return way[::-1]
            for successor in edges.get(node, ()):
                if successor not in came_from and (successor == end or allowed(successor)):
                    came_from[successor] = node
                    following.append(successor)
        layer = following
    return None


def cycle(edges, component):
    """A shortest cycle through some node of the component, as a list of nodes, the first again at its end."""
    members = set(component)
    node = component[0]
    ways = [path(edges, successor, node, members.__contains__) for successor in edges.get(node, ())
            if successor in members]
    return [node] + min((way for way in ways if way), key=len)
