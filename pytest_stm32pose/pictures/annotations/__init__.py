"""Labels of pictures: a COCO person keypoint file, read, brought onto the pictures as they are, and doubted.

`reading` takes the file apart, `categories` and `names` say which annotations are persons and which keypoint stands
where, `placing` compares with the picture files (size, EXIF orientation, units), `plausible` looks for labels that
contradict themselves. What was done about a contradiction is a note (`notes`); what cannot be settled is refused.
"""
