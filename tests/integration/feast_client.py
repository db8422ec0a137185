# SPDX-License-Identifier: Apache-2.0
"""Feast's own client against `weir serve`, by way of its online store of type "remote".

    feast_client.py events                          recent events of two cards and two merchants, as JSON Lines
    feast_client.py ask WEIR LISTEN FOLDER          what FeatureStore.get_online_features answers is what `weir lookup` says
"""
import json
import subprocess
import sys
import time
import warnings

CARDS, SHOPS = ["c1", "c2"], ["m1", "m2"]
NOBODY = "nobody"
MINUTE, HOUR, DAY = 60, 3600, 86400
# No age is near the edge of a window (10m, 1h, 24h, 7d, 30d), so that a minute more or less changes no value.
AGES = [3 * MINUTE, 4 * MINUTE, 25 * MINUTE, 40 * MINUTE, 2 * HOUR, 7 * HOUR, 20 * HOUR, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 40 * DAY]
# The features that need no event, with the types that a repository of Feast's would give them; decimals and times come as text.
VIEWS = {
    "card_vel": {"n_10m": "Int64", "n_1h": "Int64", "n_24h": "Int64", "n_7d": "Int64", "spend_24h": "String", "avg": "Float64", "sd": "Float64",
                 "biggest": "String", "shops": "Int64", "refused": "Int64", "prev_ts": "String", "burst": "Float64"},
    "shop_risk": {"n_1h": "Int64", "n_24h": "Int64", "cards_24h": "Int64", "small": "Int64", "hot": "Int64", "avg": "Float64"},
}


def events():
    now = time.time()
    rows = sorted((now - age - place, card) for place, card in enumerate(CARDS) for age in AGES[place:])
    for number, (moment, card) in enumerate(rows):
        print(json.dumps({
            "tx_id": number, "ts": int(moment * 1000), "card": card, "merchant": SHOPS[number % 2], "amount": f"{number * 3.7 + 1:.2f}",
            "mcc": 5812, "country": 1, "status": "declined" if number % 4 == 3 else "approved"}))


class Weir:
    def __init__(self, program, listen):
        self.command = [program, "--set", f"listen={listen}", "lookup", "-o", "json"]
        self.answers = {}

    def lookup(self, group, field, key):
        """The values of one key, by column."""
        if (group, key) not in self.answers:
            command = [*self.command, "--features", group, "--key", f"{field}={key}"]
            self.answers[group, key] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        return self.answers[group, key]["values"]


def store_of(listen, folder):
    from datetime import timedelta

    import feast.types
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig
    from feast.value_type import ValueType

    store = FeatureStore(config=RepoConfig(
        project="weir", provider="local", registry=f"{folder}/registry.db", entity_key_serialization_version=3,
        online_store={"type": "remote", "path": f"http://{listen}"}))
    entities = {name: Entity(name=name, join_keys=[name], value_type=ValueType.STRING) for name in ("card", "merchant")}
    source = FileSource(name="none", path=f"{folder}/none.parquet", timestamp_field="ts")
    views = [
        FeatureView(name=view, entities=[entities[entity]], ttl=timedelta(0), source=source,
                    schema=[Field(name=entity, dtype=feast.types.String)]
                    + [Field(name=name, dtype=getattr(feast.types, kind)) for name, kind in VIEWS[view].items()])
        for view, entity in (("card_vel", "card"), ("shop_risk", "merchant"))
    ]
    service = FeatureService(name="card_fraud", features=views)
    store.apply([*entities.values(), *views, service])
    return store


def same(have, want, what):
    assert type(have) is type(want) and have == want, f"{what}: Feast has {have!r}, weir lookup {want!r}"


def check_view(store, weir, view, entity, keys):
    names = list(VIEWS[view])
    response = store.get_online_features([f"{view}:{name}" for name in names], [{entity: key} for key in keys])
    answer = response.to_dict()
    assert answer.pop(entity) == keys and list(answer) == names, answer
    for row, key in enumerate(keys):
        for name in names:
            same(answer[name][row], weir.lookup(view, entity, key)[f"{view}_{name}"], f"{view}:{name} of {key}")
    assert len(response.to_df()) == len(keys)
    return response


def check_statuses(response):
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

    by_name = dict(zip(response.proto.metadata.feature_names.val, response.proto.results))
    present, null, unknown = FieldStatus.PRESENT, FieldStatus.NULL_VALUE, FieldStatus.NOT_FOUND
    assert list(by_name["n_1h"].statuses) == [present, present, unknown], by_name["n_1h"]
    assert list(by_name["avg"].statuses)[2] == unknown and by_name["n_1h"].values[2].int64_val == 0
    assert null not in by_name["n_1h"].statuses


def check_both(store, weir):
    """Two entities in one request, features that are called alike, and a feature service, which is a vector."""
    rows = [{"card": "c1", "merchant": "m2"}, {"card": "c2", "merchant": "m1"}]
    names = [f"{view}:{name}" for view in VIEWS for name in VIEWS[view]]
    answer = store.get_online_features(names, rows, full_feature_names=True).to_dict()
    service = store.get_online_features(store.get_feature_service("card_fraud"), rows).to_dict()
    assert len(service) > 10, service
    for row, keys in enumerate(rows):
        known = {**weir.lookup("card_vel", "card", keys["card"]), **weir.lookup("shop_risk", "merchant", keys["merchant"])}
        for name in names:
            full = name.replace(":", "__")
            same(answer[full][row], known[name.replace(":", "_")], name)
        for name in service.keys() - keys.keys():
            if name in known:
                same(service[name][row], known[name], f"{name} of the service")
        assert service["card"][row] == keys["card"], service


def check_read(store, weir):
    """The typed way that other parts of Feast go."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    from feast.type_map import feast_value_type_to_python_type

    view = store.get_feature_view("card_vel")
    keys = [EntityKey(join_keys=["card"], entity_values=[Value(string_val=key)]) for key in ("c1", "c2")]
    rows = store._get_provider().online_read(store.config, view, keys, list(VIEWS["card_vel"]))
    for key, (moment, values) in zip(("c1", "c2"), rows):
        assert abs(moment.timestamp() - time.time()) < 60, moment
        for name, value in values.items():
            same(feast_value_type_to_python_type(value), weir.lookup("card_vel", "card", key)[f"card_vel_{name}"], name)


def check_mistakes(store):
    """What a client does wrong is raised on its side, in the words of the server."""
    from feast import FeatureService
    from feast.errors import FeastError, FeatureNameCollisionError, FeatureServiceNotFoundException, FeatureViewNotFoundException

    card, both = [{"card": "c1"}], [{"card": "c1", "merchant": "m1"}]
    unknown = FeatureService(name="no_such", features=[])
    for features, rows, error, words in (
        (["card_vel:no_such"], card, FeatureViewNotFoundException, "has no feature `no_such`"),
        (["no_such:n"], card, FeatureViewNotFoundException, "no features group `no_such`"),
        (unknown, card, FeatureServiceNotFoundException, "no vector `no_such`"),
        (["card_vel:n_1h", "shop_risk:n_1h"], both, FeatureNameCollisionError, "full_feature_names=True"),
        (["card_vel:gap"], card, FeastError, "depends on the event"),
        (["card_vel:n_1h"], [{"merchant": "m1"}], FeastError, "entity column `card`"),
        (["card_vel:n_1h"], [{"card": 5}], FeastError, "expected a string"),
        (["card_vel:n_1h"], [{"card": None}], FeastError, "row 0"),
    ):
        began = time.time()
        try:
            store.get_online_features(features, rows)
        except error as problem:
            assert words in str(problem), (words, problem)
        else:
            raise AssertionError(f"{features} for {rows} is answered")
        assert time.time() - began < 5, "the client tried again"


def ask(program, listen, folder):
    warnings.filterwarnings("ignore")
    store, weir = store_of(listen, folder), Weir(program, listen)
    check_statuses(check_view(store, weir, "card_vel", "card", ["c1", "c2", NOBODY]))
    check_view(store, weir, "shop_risk", "merchant", ["m1", NOBODY, "m2"])
    assert weir.lookup("card_vel", "card", "c1")["card_vel_n_10m"] == 2, "the events are not within their windows"
    check_both(store, weir)
    check_read(store, weir)
    check_mistakes(store)


if __name__ == "__main__":
    {"events": events, "ask": ask}[sys.argv[1]](*sys.argv[2:])
