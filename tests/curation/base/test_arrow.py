import json
import subprocess
import sys

CODE = """
import json, sys
from curation.base.arrow import leave_pandas_out
leave_pandas_out()
import pyarrow as pa
found = [pa.array(["a", None]).to_pylist(), "pandas" in sys.modules]
found.append(list(pa.table({"a": [1, 2]}).to_pandas()["a"].astype(int)))
import pandas
found.append(pa.array(pandas.Series([1.5, None])).to_pylist())
print(json.dumps(found, default=int))
"""


def test_arrow_leaves_pandas_alone_until_it_is_asked_for():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    text, imported, frame, series = json.loads(run.stdout)
    assert text == ["a", None]
    assert not imported
    assert frame == [1, 2]
    assert series == [1.5, None]
