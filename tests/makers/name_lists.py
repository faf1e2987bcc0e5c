"""Lists of the names of pictures, as COVIDx, COVID-CT and Kaggle's sets have them."""

import json
from collections.abc import Sequence


def name_lists(names: Sequence[str], folder: str) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Return files, and what is given to --of, by how they say the sides.

    The first four names are in train, the last but one in test, beside one that is nowhere; where a
    column says the side, the last name is on none.
    """
    train, tested, other = list(names[:4]), names[-2], names[-1]
    lines, test = "\n".join(train), f"{tested}\nlost.png\n"
    rows = "".join(f"{one},train\n" for one in train)
    column = f"filename,split\n{rows}{tested},test\nlost.png,test\n{other},none\n"
    tree = json.dumps({"train": train, "test": [tested, "lost.png"]})
    sides = ["a/my_train.txt", "a/my_test.txt"]
    return {
        "a file a side": ({sides[0]: lines, sides[1]: f"{folder}/{test}"}, sides),
        "a folder of lists": ({"l/train.csv": f"filename\n{lines}", "l/test.txt": test}, ["l"]),
        "a column": ({"lists.csv": column}, ["lists.csv"]),
        "JSON": ({"lists.json": tree}, ["lists.json"]),
    }
